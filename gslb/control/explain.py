"""Why a query gets the answer that it gets: the real `respond` over the published table, and the way through it."""

import random
import struct
import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, NamedTuple

from dnslib import QTYPE, RCODE, RR, DNSError, DNSRecord

from gslb.config.model import Match, Member
from gslb.context import TCP, Context
from gslb.control.chances import chances, data_of
from gslb.control.evidence import evidence, evidence_lines, moment, place_text, probers_view
from gslb.control.judge import judge
from gslb.control.line import Served
from gslb.dns.edns import ECS, EDE, opt_record, option
from gslb.dns.message import CLASS_IN, CNAME, OPT, parse
from gslb.dns.name import parent, to_text
from gslb.dns.rdata import type_text
from gslb.dns.response import MAX_CHAIN
from gslb.errors import RequestError
from gslb.responder import respond
from gslb.table.client import Client
from gslb.table.entries import ByRules, Chain, ChainSpec, Entry, Table
from gslb.table.lookup import DELEGATED, HIT, find
from gslb.table.poolview import PoolView, records_of

Json = dict[str, Any]

_FAMILIES = {4: 1, 6: 2}  # RFC 7871 section 6: IANA address family numbers
_FAMILY_OF = {"A": 4, "AAAA": 6}  # the versions of IP whose addresses these types hold; others are of both
_KINDS = {"dynamic": "dynamic name", "static": "static data", "referral": "delegated", "none": "no such name"}


class Question(NamedTuple):
    """What is asked: a wire name, a type, the packed source address, and the client subnet sent along."""

    name: bytes
    rtype: int
    client: bytes
    ecs: IPv4Network | IPv6Network | None = None


class Way(NamedTuple):
    """Where the look-up ended: `aliases` were followed, `owner` is the last name, `entry` what was found for it."""

    outcome: int
    entry: Entry | None
    owner: bytes
    aliases: tuple[bytes, ...]


def explain(served: Served, question: Question, at: float | None = None) -> Json:
    """The reply and the reasons for it, as plain values; `text` says the same for people. `at`: epoch seconds, or now.

    Raises RequestError where the reply has a name that is no text.
    """
    wire = query_of(question)
    table = served.table
    reply = respond(Context(table, random.Random()), wire, question.client, TCP)
    assert reply is not None  # our own query is a well-formed one
    way = follow(table, question.name.lower(), question.rtype)
    query = parse(wire)
    client = Client(table, random.Random())
    client.ask(table, question.client, ecs=query.ecs if query else None)
    view = {
        "name": to_text(question.name),
        "type": type_text(question.rtype),
        "client": str(ip_address(question.client)),
        "ecs": str(question.ecs) if question.ecs else None,
        "at": time.time() if at is None else at,
        **_reply(reply),
        "zone": to_text(way.entry.zone.apex) if way.entry else None,
        "aliases": [to_text(alias) for alias in way.aliases],
        **_reasons(served, way, question.rtype, client),
        "probers": probers_view(served.ballots),
    }
    return {**view, "text": "\n".join(lines(view))}


def query_of(question: Question) -> bytes:
    """The query as a resolver would send it: EDNS, with ECS where a subnet is given."""
    options = b""
    if (net := question.ecs) is not None:
        head = struct.pack("!HBB", _FAMILIES[net.version], net.prefixlen, 0)
        options = option(ECS, head + net.network_address.packed[: (net.prefixlen + 7) // 8])
    header = struct.pack("!HHHHHH", 0, 0, 1, 0, 0, 1)
    return header + question.name + struct.pack("!HH", question.rtype, CLASS_IN) + opt_record(False, options)


def follow(table: Table, qname: bytes, rtype: int) -> Way:
    """The way of a lower-cased name through the table; aliases are followed as far as the zone goes."""
    aliases: list[bytes] = []
    outcome, entry = find(table.names, qname, rtype)
    while outcome == HIT and entry and entry.alias and rtype not in entry.types and len(aliases) < MAX_CHAIN:
        zone = entry.zone
        aliases.append(entry.alias)
        further = find(table.names, entry.alias, rtype)
        if further[1] is None or further[1].zone is not zone:
            break
        outcome, entry = further
    return Way(outcome, entry, aliases[-1] if aliases else qname, tuple(aliases))


def _reply(wire: bytes) -> Json:
    try:
        reply = DNSRecord.parse(wire)
    except DNSError as error:  # it reads labels that are UTF-8 only
        raise RequestError("the reply has a name that cannot be shown as text", pointer="/name") from error
    options = {o.code: o.data for rr in reply.ar if rr.rtype == OPT for o in rr.rdata}
    return {
        "rcode": RCODE.get(reply.header.rcode),
        "answers": [_line(rr) for rr in reply.rr],
        "authority": [_line(rr) for rr in reply.auth],
        "ede": [_error(data) for code, data in options.items() if code == EDE],
        "ttl": min((rr.ttl for rr in reply.rr), default=None),
        "scope": options[ECS][3] if ECS in options else None,
    }


def _line(rr: RR) -> str:
    return f"{rr.rname} {rr.ttl} IN {QTYPE.get(rr.rtype)} {rr.rdata}"


def _error(data: bytes) -> Json:
    return {"code": int.from_bytes(data[:2], "big"), "text": data[2:].decode(errors="replace")}


def _reasons(served: Served, way: Way, rtype: int, client: Client) -> Json:
    types = way.entry.types if way.entry and way.outcome == HIT else {}
    node = types.get(rtype, types.get(CNAME))
    if isinstance(node, ByRules):
        index = node.rule(client)
        return _dynamic(served, way, (index, node.children[index]), client)
    if isinstance(node, Chain):
        return _dynamic(served, way, (0, node), client)
    kind = "static" if way.outcome == HIT else "referral" if way.outcome == DELEGATED else "none"
    return {"kind": kind, "rule": None, "pools": []}


def _dynamic(served: Served, way: Way, chosen: tuple[int, Chain], client: Client) -> Json:
    index, chain = chosen
    config, table, states = served[:3]
    spec = table.base.chains[chain.index]
    views = [PoolView(config.pools[name], states[name], table.base.pool_maps.get(name, -1)) for name in spec.pools]
    drawn = chances(table.nodes[chain.index], client)
    return {
        "kind": "dynamic",
        "rule": {"index": index, "match": match_text(_match(served, way, index))},
        "pools": [
            {
                "name": view.pool.name,
                "policy": view.pool.policy,
                "weight": spec.weights[at] if spec.weights else None,
                "load": view.pool.load or None,
                "reported_load": served.loads.get(view.pool.name),
                "healthy": view.healthy,
                "outcome": finding.outcome,
                "why": finding.why,
                "members": [_member(view, member, drawn, spec, served) for member in view.pool.members],
            }
            for at, (view, finding) in enumerate(zip(views, judge(spec, views), strict=True))
        ],
    }


def _match(served: Served, way: Way, index: int) -> Match | None:
    assert way.entry is not None
    owner = way.owner
    if served.table.names.get(owner) is not way.entry:  # found by the wildcard of its closest encloser
        while owner not in served.table.names:
            owner = parent(owner)
        owner = b"\x01*" + owner
    names = served.config.zones[way.entry.zone.apex].names
    return next(name.rules[index].match for name in names if name.owner == owner)


def match_text(match: Match | None) -> str:
    """A rule's conditions in the words of the configuration."""
    if match is None:
        return "everyone"
    keys = ("subnet", "country", "continent", "asn")
    return "; ".join(f"{key} {', '.join(map(str, values))}" for key in keys if (values := getattr(match, key)))


def _member(view: PoolView, member: Member, drawn: dict[bytes, float], spec: ChainSpec, served: Served) -> Json:
    state = view.members[member.name]
    live = [a.address for a in state.addresses if a.effective == "up"] or list(member.addresses)
    addresses = [
        {
            "address": a.address,
            "observed": a.observed,
            "effective": a.effective,
            "reason": a.reason,
            "chance": _chance(member, live if spec.service else [a.address], drawn, spec),
            **evidence(view.pool, a, member.checked(a.address), served.belief, served.ballots),
        }
        for a in state.addresses
    ]
    return {
        "name": state.member,
        "site": state.site,
        "weight": member.weight,
        "share": state.share,
        "drain": state.drain,
        "forced_down": state.forced_down,
        "cname": to_text(member.cname) if member.cname else None,
        "chance": _chance(member, live, drawn, spec),
        "addresses": addresses,
    }


def _chance(member: Member, addresses: Sequence[str], drawn: dict[bytes, float], spec: ChainSpec) -> float:
    """The chance that the next answer holds what this member answers with for these addresses."""
    records = records_of(member, addresses, spec)
    return round(max((drawn.get(data, 0.0) for record in records for data in data_of(record)), default=0.0), 4)


def lines(view: Json) -> list[str]:
    """An explanation for people: the answer first, then why."""
    ecs = f" for {view['ecs']}" if view["ecs"] else ""
    asked = f"{view['name']} {view['type']}, asked from {view['client']}{ecs} at {moment(view['at'])}"
    out = [asked, f"  {view['rcode']}" + ("" if view["scope"] is None else f", ECS scope /{view['scope']}")]
    out += [f"  {line}" for line in (*view["answers"], *view["authority"])]
    out += [f"  extended error {e['code']}{': ' + e['text'] if e['text'] else ''}" for e in view["ede"]]
    out.append(f"zone {view['zone']}: {_KINDS[view['kind']]}" if view["zone"] else "in no zone of ours")
    out += [f"  alias of {alias}" for alias in view["aliases"]]
    if view["rule"]:
        out.append(f"rule {view['rule']['index'] + 1}: {view['rule']['match']}")
    for pool in view["pools"]:
        share = "" if pool["weight"] is None else f", weight {pool['weight']}"
        share += "" if pool["reported_load"] is None else f", load {pool['reported_load']:g} as reported"
        out.append(f"  pool {pool['name']} ({pool['policy']}{share}): {pool['outcome']}: {pool['why']}")
        for member in pool["members"]:
            out += _member_lines(member, view)
    blind = [one for one in view["probers"] if one["blind"]]
    return out + [f"prober {one['name']} is blind, its votes do not count: {one['blind']}" for one in blind]


def _member_lines(member: Json, view: Json) -> Iterator[str]:
    """What a member is to the answer, and the evidence on each of its addresses that the type asks for."""
    family = None if member["cname"] else _FAMILY_OF.get(view["type"])
    shown = [a for a in member["addresses"] if family in (None, ip_address(a["address"]).version)]
    name = f"{member['name']} at {member['site']}"
    if not shown:
        out = "  forced down" if member["forced_down"] else f"  drained by {member['drain']}" if member["drain"] else ""
        yield f"    {member['chance']:6.1%}  {name}  {member['cname'] or f'no IPv{family} address'}{out}"
    for address in shown:
        states = f"observed {address['observed']}, effective {address['effective']}"
        ramp = "" if member["share"] == 1 else f", {member['share']:.0%} of its weight while it ramps up"
        yield f"    {address['chance']:6.1%}  {name}  {place_text(address)}  {states}{ramp}"
        yield from (f"            {line}" for line in evidence_lines(address, view["at"]))
