"""What every server under test serves: as master files for the peers, as a compiled table for us.

Names that a peer serves from a plain record are dynamic names with us wherever that can be.
"""

from gslb.config.model import DynamicName, Match, Member, Pool, Rule, Service, Zone
from gslb.config.settings import RateLimit
from gslb.dns.name import from_text
from gslb.table.entries import Table
from tests.support import config, member, name, records, states, table

NODE = "tokyo-1"  # as NSID and to CHAOS
SECRETS = (bytes(range(16)), bytes(range(16, 32)))  # cookies: current and next
STRANGER = "\\000\\255bin"  # a label of octets that are no letters
NEGATIVE_TTL = 30
LIMIT = RateLimit(rate=0.01, burst=1.0)  # one reply, then a limited one

# The test zone but for the names of _DYNAMIC, relative to its apex. The basics are those of tests.support.
STATIC = (
    f"{STRANGER} 60 TXT octets",
    "txt 60 TXT hello",
    "mid 60 TXT " + " ".join(f'"{letter * 230}"' for letter in "abc"),
    "big 60 TXT " + " ".join(f'"{letter * 250}"' for letter in "abcdef"),
    *(f"multi 60 A 192.0.2.{20 + at}" for at in range(3)),
    *("twice 60 A 192.0.2.31",) * 2,
    "longest 2147483647 A 192.0.2.32",
    "a.ent 60 TXT below",
    "svc 60 HTTPS 1 . port=8443 ipv4hint=192.0.2.10 alpn=h2",
    "sub 600 NS ns.sub",
    "sub 600 NS ns.elsewhere.net.",
    "ns.sub 600 A 192.0.2.77",
    "ns.sub 600 AAAA 2001:db8::77",
    *(f"wide 600 NS n{at}.wide" for at in range(10)),
    *(f"n{at}.wide 600 A 192.0.2.{100 + at}" for at in range(10)),
    *(f"n{at}.wide 600 AAAA 2001:db8::{100 + at}" for at in range(10)),
    "chain1 60 CNAME chain2",
    "chain2 60 CNAME www",
    "tonothing 60 CNAME missing",
    "toout 60 CNAME www.example.net.",
)

# What peers serve in the place of our dynamic names. `geo` is tailored where the peer can.
PEER_STATIC = (
    "www 30 A 192.0.2.10",
    "www 30 AAAA 2001:db8:a::10",
    "v4only 30 A 192.0.2.10",
    "v6only 30 AAAA 2001:db8:a::10",
)

# Only ours: what a static zone of a peer cannot say, or may not.
OUR_STATIC = (
    "@ 60 HTTPS 0 www.example.net.",
    "loop1 60 CNAME loop2",
    "loop2 60 CNAME loop1",
    *(f"l{at} 60 CNAME l{at + 1}" for at in range(18)),
)

# The zone of RFC 4592 section 2.2.1, in full; and every owner has a TTL here.
WILD_APEX = "example."
WILD = (
    "@ 3600 SOA ns.example.com. hostmaster.example.com. 1 3600 600 604800 30",
    "@ 3600 NS ns.example.com.",
    "@ 3600 NS ns.example.net.",
    '* 3600 TXT "this is a wildcard"',
    "* 3600 MX 10 host1.example.",
    'sub.* 3600 TXT "this is not a wildcard"',
    "host1 3600 A 192.0.2.1",
    "_ssh._tcp.host1 3600 SRV 0 0 22 host1",
    "_ssh._tcp.host2 3600 SRV 0 0 22 host2",
    "subdel 3600 NS ns.example.com.",
    "subdel 3600 NS ns.example.net.",
)

# Which addresses get which answer: `geo` by the client's place, `own` by the asker's address; others get ELSEWHERE.
FOR_PLACE, FOR_ASKER, ELSEWHERE = "192.0.2.201", "192.0.2.202", "192.0.2.200"
PLACE = ("1.2.0.0/16", "2a00:1450::/32")
ASKER = ("127.0.0.0/8", "::1/128")

HOME = member("home", "192.0.2.10", "2001:db8:a::10")
DEAD = member("dead", "192.0.2.40")
COLD = member("cold", "192.0.2.50")
LOOP = Member("loop", "loop", (), 1, 0, from_text("echo.gslb.example.com."))
_GEO = {"place": FOR_PLACE, "asker": FOR_ASKER, "elsewhere": ELSEWHERE}
_POOLS = (
    Pool("web", (HOME,)),
    Pool("pair", (member("one", "192.0.2.61", "2001:db8::61"), member("two", "192.0.2.62", "2001:db8::62"))),
    Pool("v4", (member("four", "192.0.2.10"),)),
    Pool("v6", (member("six", "2001:db8:a::10"),)),
    Pool("dead", (DEAD,)),
    Pool("cold", (COLD,)),
    Pool("loop", (LOOP,)),
    *(Pool(text, (member(text, address),)) for text, address in _GEO.items()),
)
_PAIR = DynamicName(
    name("pair").owner, 30, (Rule(("pair",)),), "test", (Service(65, 1, b"\0", ((1, b"\x02h2"), (3, b"\x01\xbb"))),)
)
_DYNAMIC = (
    *(name(owner, Rule((pool,))) for owner, pool in (("www", "web"), ("v4only", "v4"), ("v6only", "v6"))),
    *(name(owner, Rule((owner,))) for owner in ("dead", "cold")),
    name("echo", Rule(("loop",))),
    name("geo", Rule(("place",), match=Match(subnet=PLACE)), Rule(("elsewhere",))),
    name("own", Rule(("asker",), match=Match(subnet=ASKER)), Rule(("elsewhere",))),
    _PAIR,
)


def our_table(**node_settings: object) -> Table:
    """The content compiled: one site dead, one not heard of yet, all others up."""
    wild = Zone(from_text(WILD_APEX), records(*WILD, origin=WILD_APEX), ())
    settings = {"cookie_secrets": SECRETS, **node_settings}
    full = config((*STATIC, *OUR_STATIC), _POOLS, _DYNAMIC, zones=(wild,), **settings)
    return table(full, states(full, down=DEAD.addresses, unknown=COLD.addresses))
