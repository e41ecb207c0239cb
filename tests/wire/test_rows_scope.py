"""C55: the promise of the scope, through `respond` and back out of its replies."""

import random
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gslb.config.model import Match, Pool, Rule
from gslb.context import UDP, Context
from gslb.dns.ecs import Ecs
from gslb.geo.atlas import Atlas
from gslb.geo.database import open_atlas
from gslb.responder import respond
from tests.support import SOURCE, config, context, member, name, states, table
from tests.wire.message import ECS, opt, option, query

PAIRS = 100_000
TABLES = 10
_COUNTRIES = {
    "16.0.0.0/6": ("JP", "AS"),
    "17.0.0.0/9": ("DE", "EU"),
    "17.1.128.0/18": ("FR", "EU"),
    "17.1.130.128/25": ("JP", "AS"),
    "2a00::/11": ("DE", "EU"),
    "2a00:1450:4000::/37": ("JP", "AS"),
}
_NESTED = ("16.0.0.0/4", "17.0.0.0/8", "17.1.0.0/16", "17.1.128.0/17", "17.1.130.0/24", "2a00::/12", "2a00:1450::/32")
_CROWDED = {4: ((0x11018200, 24), (0x11018000, 17), (0x10000000, 4)), 6: ((0x2A001450 << 96, 32), (0x2A00 << 112, 12))}
_SIZES = {4: 32, 6: 128}
_QUESTION = len(query("geo"))


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """A database whose countries lie in and across the networks of the rules."""
    writer = MMDBWriter(6, "Test", ipv4_compatible=True)
    for prefix, (country, continent) in _COUNTRIES.items():
        writer.insert_network(IPSet([prefix]), {"country": {"iso_code": country}, "continent": {"code": continent}})
    path: Path = tmp_path_factory.mktemp("scope") / "countries.mmdb"
    writer.to_db_file(str(path))
    return open_atlas([str(path)])


def made(atlas: Atlas, rng: random.Random) -> Context:
    """A name with seven rules in a random order, a pool of its own for each."""
    picked = rng.sample(_NESTED, 5)
    matches = [
        Match(subnet=(picked[0], picked[1])),
        Match(country=("JP",)),
        Match(subnet=(picked[2],), country=("DE", "JP")),
        Match(subnet=(picked[3],)),
        Match(continent=("EU",)),
        Match(subnet=(picked[4],)),
    ]
    rng.shuffle(matches)
    pools = [Pool(f"p{at}", (member(f"p{at}", f"192.0.2.{at + 1}"),)) for at in range(7)]
    rules = [Rule((f"p{at}",), match=match) for at, match in enumerate(matches)]
    full = config(pools=pools, names=[name("geo", *rules, Rule(("p6",)))])
    return context(table(full, states(full), atlas=atlas))


def ask(ctx: Context, family: int, address: int, length: int) -> tuple[bytes, int]:
    """The address in the answer, and the scope."""
    octets = (length + 7) // 8
    kept = address >> (_SIZES[family] - length) << (_SIZES[family] - length)
    data = kept.to_bytes(_SIZES[family] // 8, "big")[:octets]
    head = bytes((0, 1 if family == 4 else 2, length, 0))
    reply = respond(ctx, query("geo", edns=opt(option(ECS, head + data))), SOURCE, UDP)
    assert reply is not None
    return reply[_QUESTION + 12 : _QUESTION + 16], reply[len(reply) - octets - 1]


def near(rng: random.Random, family: int, address: int, kept: int) -> int:
    """An address with the same first bits, and any others."""
    free = _SIZES[family] - kept
    return address >> free << free | rng.getrandbits(free) if free else address


@pytest.mark.no_cover  # measuring coverage would treble its time, and other tests cover the same lines
@pytest.mark.ours
def test_c55_addresses_inside_a_scope_get_the_same_sites(atlas: Atlas) -> None:
    """RFC 7871: property → any two addresses inside a returned scope get the same set of sites (10^5 random pairs)"""
    rng = random.Random(55)
    seen = set()
    for _ in range(TABLES):
        ctx = made(atlas, rng)
        for _ in range(PAIRS // TABLES):
            family = rng.choice((4, 6))
            first = near(rng, family, *rng.choice((*_CROWDED[family], (0, 0))))
            length = _SIZES[family] if rng.random() < 0.5 else rng.randint(1, _SIZES[family])
            found, scope = ask(ctx, family, first, length)
            if not scope or scope > length:  # a scope beyond SOURCE speaks for the network that was sent only
                continue
            second = near(rng, family, first, scope)
            if Ecs(family, _SIZES[family], second, b"").placeless():  # says nothing: docs/decisions/0030
                continue
            assert ask(ctx, family, second, _SIZES[family]) == (found, scope), f"{first:#x} {second:#x} /{scope}"
            seen.add((found, scope))
    assert len(seen) > 100  # many scopes, many rules
