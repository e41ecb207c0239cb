"""Values that many tests need: configurations, tables, queries, made without any file."""

import random
import struct
from collections.abc import Iterable, Sequence

import dns.edns
import dns.message
import dns.rdataclass
import dns.rdatatype

from gslb.config.model import Config, DynamicName, Member, Pool, Rule, Site, Zone
from gslb.config.settings import NodeSettings
from gslb.context import Context
from gslb.dns.name import from_text
from gslb.dns.rdata import to_wire, type_number
from gslb.dns.record import Record
from gslb.geo.atlas import Atlas
from gslb.health.states import AddressState, MemberState, States
from gslb.responder import respond
from gslb.table.build import compile_base
from gslb.table.entries import Leaves, Table
from gslb.table.leaves import compile_pools

APEX = "gslb.example.com."
SOURCE = bytes((203, 0, 113, 7))


def wire(text: str) -> bytes:
    """A lower-cased wire name, relative to the test zone."""
    return from_text(text, from_text(APEX)).lower()


def records(*lines: str, origin: str = APEX) -> tuple[Record, ...]:
    """Static records from "owner ttl type rdata" lines."""
    zone = from_text(origin)
    out = []
    for line in lines:
        owner, ttl, rtype, rdata = line.split(None, 3)
        number = type_number(rtype)
        name = from_text(owner, zone).lower()
        out.append(Record(name, number, int(ttl), to_wire(number, rdata, zone), "test"))
    return tuple(out)


BASICS = (
    "@ 3600 SOA ns1 hostmaster.example.com. 1 3600 600 604800 30",
    "@ 3600 NS ns1",
    "@ 3600 NS ns2",
    "ns1 3600 A 192.0.2.53",
    "ns2 3600 A 198.51.100.53",
)


def member(name: str, *addresses: str, site: str = "", weight: int = 1, priority: int = 0) -> Member:
    """A member at a site of its own name."""
    return Member(name, site or name, addresses, weight, priority)


TOKYO = member("tokyo", "192.0.2.10", "2001:db8:a::10", weight=60)
OSAKA = member("osaka", "198.51.100.10", "2001:db8:b::10", weight=40)


def config(
    static: Sequence[str] = (),
    pools: Iterable[Pool] = (Pool("web", (TOKYO, OSAKA)),),
    names: Iterable[DynamicName] | None = None,
    *,
    zones: Iterable[Zone] = (),
    **node_settings: object,
) -> Config:
    """One zone with the basics and these; "www" is served from the pool "web" unless names are given."""
    node = NodeSettings(
        "tokyo-1",
        "tokyo",
        ("dns", "probe", "api"),
        (("127.0.0.1", 0),),
        None,
        0,
        "zones",
        "state",
        **node_settings,  # type: ignore[arg-type]
    )
    dynamic = tuple(names) if names is not None else (name("www", Rule(("web",))),)
    zone = Zone(wire("@"), records(*BASICS, *static), dynamic)
    by_name = {pool.name: pool for pool in pools}
    sites = {m.site: Site(m.site, "JP", 35.7, 139.7) for pool in by_name.values() for m in pool.members}
    return Config(node, sites, {}, by_name, {z.apex: z for z in (zone, *zones)}, "digest")


def name(owner: str, *rules: Rule, ttl: int = 30) -> DynamicName:
    """A dynamic name of the test zone."""
    return DynamicName(wire(owner), ttl, rules, "test")


def states(
    config: Config,
    *,
    down: Iterable[str] = (),
    unknown: Iterable[str] = (),
    drained: Iterable[str] = (),
    forced_down: Iterable[str] = (),
    restless: Iterable[str] = (),
) -> States:
    """Everything up but these addresses, calm but the `restless`; `drained` and `forced_down` name members."""
    verdicts = {**dict.fromkeys(down, "down"), **dict.fromkeys(unknown, "unknown")}
    out: dict[str, dict[str, MemberState]] = {}
    for pool in config.pools.values():
        for item in pool.members:
            drain = "d1" if item.name in drained else ""
            forced = item.name in forced_down
            addresses = tuple(
                AddressState(
                    a, (seen := verdicts.get(a, "up")), "down" if drain or forced else seen, calm=a not in restless
                )  # type: ignore[arg-type]
                for a in item.addresses
            )
            state = MemberState(item.name, item.site, addresses, drain, forced)
            out.setdefault(pool.name, {})[item.name] = state
    return out


def table(config: Config, now: States | None = None, *, atlas: Atlas | None = None) -> Table:
    """The config compiled, everything up unless states are given."""
    base = compile_base(config, atlas or Atlas.empty())
    leaves: Leaves = compile_pools(base, config, now if now is not None else states(config), {})
    return Table(base, leaves)


def context(made: Table, seed: int = 1) -> Context:
    """A context with a seeded draw."""
    return Context(made, random.Random(seed))


def query(
    qname: str, rtype: str = "A", *, payload: int | None = None, options: Sequence[dns.edns.Option] = ()
) -> bytes:
    """A query's wire, by an independent writer; without EDNS unless a payload or options are given."""
    text = qname if qname.endswith(".") else f"{qname}.{APEX}" if qname != "@" else APEX
    use = payload is not None or bool(options)
    message = dns.message.make_query(
        text, rtype, use_edns=0 if use else False, payload=payload or 1232, options=list(options)
    )
    return message.to_wire()


def ask(ctx: Context, wire: bytes, source: bytes = SOURCE, transport: int = 0) -> dns.message.Message:
    """The reply to a query, read back by an independent reader."""
    reply = respond(ctx, wire, source, transport)
    assert reply is not None
    return dns.message.from_wire(reply, one_rr_per_rrset=False)


def addresses(message: dns.message.Message) -> list[str]:
    """The addresses in the answer section, in order."""
    return [item.to_text() for rrset in message.answer for item in rrset if rrset.rdtype in (1, 28)]


def header(*, ident: int = 1, flags: int = 0, counts: tuple[int, int, int, int] = (1, 0, 0, 0)) -> bytes:
    """A raw DNS header."""
    return struct.pack("!HHHHHH", ident, flags, *counts)
