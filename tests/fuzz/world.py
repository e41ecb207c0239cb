"""What the hostile tests ask: a zone with every kind of name in every state of health, and those who may not ask it."""

from functools import cache
from typing import Final

from gslb.config.model import AllDown, Config, DynamicName, Match, Member, Pool, Rule, Service, Zone
from gslb.context import Context
from gslb.dns.name import from_text
from gslb.geo.atlas import UNKNOWN, Atlas, Layer, Place
from gslb.geo.ranges import RangeMap
from gslb.memory import Memory
from gslb.table.entries import Table
from tests.support import BASICS, OSAKA, SOURCE, TOKYO, config, context, member, name, records, states, table, wire

SECRET: Final = bytes(range(16))
NEAR6: Final = bytes.fromhex("20010db8000a00000000000000000007")
STRANGER, STRANGER6 = bytes((198, 18, 0, 1)), bytes.fromhex("20010db8ffff00000000000000000001")
SOURCES: Final = (SOURCE, NEAR6, STRANGER, STRANGER6)
"""Who asks. The strangers are in no location database, and the query ACL keeps them out where there is one."""

_PLACES: Final = 16  # so few that records drive each other out

STATIC: Final = (
    "txt 60 TXT hello",
    "big 60 TXT " + " ".join(f'"{"x" * 250}"' for _ in range(6)),
    "*.wild 60 TXT wildcard",
    "a.*.wild 60 CNAME big",
    "sub 600 NS ns.sub",
    "sub 600 DS 12345 13 2 " + "ab" * 32,
    "ns.sub 600 A 192.0.2.77",
    *(f"wide 600 NS ns{number}.wide" for number in range(13)),
    *(f"ns{number}.wide 600 A 192.0.2.{number}" for number in range(13)),
    *(f"ns{number}.wide 600 AAAA 2001:db8::{number}" for number in range(13)),
    "beside 600 NS ns.sub",
    "child 600 NS ns1.child",
    "child 600 DS 12345 13 2 " + "cd" * 32,
    "ns1.child 600 A 192.0.2.53",
    "chain 60 CNAME www",
    "to-big 60 CNAME chain-big",
    "chain-big 60 CNAME big",
    "to-empty 60 CNAME txt",
    "to-missing 60 CNAME missing",
    "to-sub 60 CNAME y.sub",
    "to-whoami 60 CNAME whoami",
    "to-names 60 CNAME names",
    "to-nothing 60 CNAME names-nothing",
    "to-unknown 60 CNAME unknown",
    "to-dead 60 CNAME dead",
    "outside 60 CNAME www.example.net.",
    "loop1 60 CNAME loop2",
    "loop2 60 CNAME loop1",
    "svc 60 HTTPS 1 . alpn=h2",
)
SERVICES: Final = (Service(65, 1, b"\0", ((1, b"\x02h2"), (3, b"\x01\xbb"))), Service(64, 1, b"\0", ()))
SERVED: Final = ("two", "dead", "dead-good", "hash2")
"""The pools behind services, each as app-<pool>."""
_LAST_GOOD: Final = AllDown("last_good")
_DEAD: Final = ("192.0.2.66", "2001:db8:dead::66")
_UNKNOWN: Final = "192.0.2.99"
_BROKEN: Final = Member("broken", "broken", _DEAD)
_LOST: Final = Member("lost", "lost", _DEAD[:1], cname=wire("txt"))


def _target(owner: str, **more: int) -> Member:
    return Member(owner, owner, (), cname=wire(owner) if not owner.endswith(".") else from_text(owner), **more)


POOLS: Final = (
    Pool("web", (TOKYO, OSAKA)),
    Pool("two", (TOKYO, OSAKA, member("kyoto", "192.0.2.30")), answers=2),
    Pool("everyone", (TOKYO, OSAKA), policy="all"),
    Pool("first", (_BROKEN, TOKYO), policy="failover"),
    Pool("hash", (TOKYO, OSAKA), policy="hash"),
    Pool("hash2", (TOKYO, OSAKA), policy="hash", answers=2),
    Pool("near", (TOKYO, OSAKA), policy="nearest", answers=2),
    Pool("near1", (_BROKEN, OSAKA, TOKYO), policy="nearest"),
    Pool("near-one", (_BROKEN, TOKYO), policy="nearest", answers=2),
    Pool("half", (_BROKEN, member("old", "192.0.2.31"))),
    Pool("dead", (_BROKEN,)),
    Pool("dead-good", (_BROKEN,), all_down=_LAST_GOOD),
    Pool("dead-nothing", (_BROKEN,), all_down=AllDown("nodata")),
    Pool("dead-instead", (_BROKEN,), all_down=AllDown("fallback", ("192.0.2.88",))),
    Pool("drained", (member("away", "192.0.2.32"),)),
    Pool("unknown", (member("newcomer", _UNKNOWN),)),
    Pool(
        "names", tuple(map(_target, ("txt", "www", "names2", "to-names", "loop1", "y.sub", "cdn.example.net.", "gone")))
    ),
    Pool("names2", (_target("a.wild"), _target("hash"), _target("unknown"))),
    Pool("names-dead", (_LOST,)),
    Pool("names-nothing", (_LOST,), all_down=AllDown("nodata")),
    Pool("names-unknown", (Member("dunno", "dunno", (_UNKNOWN,), cname=wire("txt")),)),
)
GEO: Final = (
    Rule(("web",), match=Match(subnet=("1.0.0.0/8", "10.0.0.0/8"))),
    Rule(("near", "dead"), match=Match(country=("JP",))),
    Rule(("dead", "hash"), (1, 3), Match(continent=("EU",), subnet=("2a00::/12", "9.0.0.0/8"))),
    Rule(("hash",)),
)


def rich(**node_settings: object) -> Config:
    """A zone that has everything, and its child beside it."""
    names = [name(pool.name, Rule((pool.name,))) for pool in POOLS if pool.name != "web"]
    names += [
        name("www", Rule(("web",))),
        name("geo", *GEO),
        name("placed", Rule(("web",), match=Match(country=("JP",))), Rule(("hash",))),
        name("drawn", Rule(("web", "hash", "dead"), (3, 1, 1))),
        name("drawn-dead", Rule(("dead", "dead-good"), (0, 1))),
        name("drawn-one-family", Rule(("drained", "half"), (1, 1))),
        name("drawn-unknown", Rule(("web", "unknown"), (1, 1))),
        name("chosen", *GEO[:1], Rule(("names",))),
        name("*.many", Rule(("hash",))),
        *(
            DynamicName(wire(f"app-{pool}"), 30, (*GEO[:1], Rule((pool,))), "test", SERVICES)
            for pool in ("two", "dead")
        ),
    ]
    settings = {
        "cookie_secrets": (SECRET,),
        "acl_whoami": ("0.0.0.0/0", "2001:db8::/48"),
        "version": "one",
        "ecs_trust": ("203.0.113.0/24",),
    }
    apex = "child.gslb.example.com."
    child = Zone(from_text(apex), records(*BASICS, "www 60 A 192.0.2.44", origin=apex), ())
    return config(STATIC, POOLS, names, zones=[child], **{**settings, **node_settings})


def rich_table(**node_settings: object) -> Table:
    """That zone compiled: members that live, are dead, drained or not yet known; clients from known places."""
    full = rich(**node_settings)
    places = [UNKNOWN, Place("JP", "", "AS", 0, (35.7, 139.7)), Place("DE", "", "EU", 0, (50.1, 8.7))]
    ranges = RangeMap.build(
        [(0, 0), (1 << 24, 1), (2 << 24, 2), (3 << 24, 0), (203 << 24, 1), (204 << 24, 0)],
        [(0, 0), (0x2001_0DB8_000A << 80, 1), (0x2001_0DB8_000B << 80, 0), (0x2A00 << 112, 2), (0x2B00 << 112, 0)],
    )
    health = states(full, down=_DEAD, unknown=[_UNKNOWN], drained=["away"])
    return table(full, health, atlas=Atlas.of([Layer(places, ranges)]))


def made(seed: int = 1) -> Context:
    """A context in which everybody may ask for everything."""
    return context(_open(), seed)


def contexts() -> tuple[Context, ...]:
    """Where everybody may ask; the same with a memory for cookies; where some may; with the root and no cookies."""
    remembering = made()
    remembering.memory = Memory(_PLACES)
    plain = context(_plain())
    plain.memory = Memory(_PLACES)
    return made(), remembering, context(_closed()), plain


@cache
def _open() -> Table:
    return rich_table()


@cache
def _closed() -> Table:
    return rich_table(acl_query=("203.0.113.0/24", "2001:db8:a::/48"), acl_whoami=("2001:db8:a::/48",))


@cache
def _plain() -> Table:
    root = Zone(b"\0", records(*BASICS, "com 60 NS ns1.com", "ns1.com 60 A 192.0.2.1", origin="."), ())
    return table(config(STATIC, cookie_secrets=(), zones=[root]))
