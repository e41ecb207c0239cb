"""Hostile bytes into respond(): 50,000 datagrams here, a million with `make fuzz` (GSLB_FUZZ sets the number).

Every run starts from a seed that it prints, so that a find can be repeated with GSLB_FUZZ_SEED.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import dns.edns
import dns.message
import pytest

from gslb.config.model import Match, Pool, Rule
from gslb.context import TCP, UDP, Context
from gslb.counters import NAMES
from gslb.responder import respond
from tests.support import OSAKA, SOURCE, TOKYO, config, context, name, query, table

COUNT = int(os.environ.get("GSLB_FUZZ", "50000"))
SEED = int(os.environ.get("GSLB_FUZZ_SEED", str(random.randrange(2**32))))

STATIC = (
    "txt 60 TXT hello",
    "big 60 TXT " + " ".join(f'"{"x" * 250}"' for _ in range(6)),
    "*.wild 60 TXT wildcard",
    "sub 600 NS ns.sub",
    "ns.sub 600 A 192.0.2.77",
    "chain 60 CNAME www",
    "loop1 60 CNAME loop2",
    "loop2 60 CNAME loop1",
)
OWNERS = (
    "www",
    "geo",
    "hash",
    "near",
    "txt",
    "big",
    "x.wild",
    "y.sub",
    "chain",
    "loop1",
    "missing",
    "@",
    ".",
    "a.test.",
)
TYPES = ("A", "AAAA", "TXT", "NS", "SOA", "CNAME", "ANY", "DS", "AXFR", "HTTPS", "TYPE65535")
OPTIONS = (
    dns.edns.NSIDOption(b""),
    dns.edns.ECSOption("1.2.3.0", 24),
    dns.edns.ECSOption("2a00:1450::", 56),
    dns.edns.CookieOption(b"12345678", b""),
    dns.edns.GenericOption(65001, b"x" * 20),
)


def made() -> Context:
    rules = (Rule(("web",), match=Match(subnet=("1.0.0.0/8", "10.0.0.0/8"))), Rule(("hash",)))
    pools = [
        Pool("web", (TOKYO, OSAKA)),
        Pool("hash", (TOKYO, OSAKA), policy="hash"),
        Pool("near", (TOKYO, OSAKA), policy="nearest", answers=2),
    ]
    names = [name("geo", *rules), *(name(owner, Rule((pool,))) for owner, pool in (("www", "web"), ("hash", "hash")))]
    return context(table(config(STATIC, pools, [*names, name("near", Rule(("near",)))])))


def seeds(rng: random.Random) -> list[bytes]:
    """Honest queries of every kind."""
    return [
        query(owner, rtype, payload=rng.choice([None, 512, 1232, 4096]), options=rng.sample(OPTIONS, rng.randrange(3)))
        for owner in OWNERS
        for rtype in TYPES
    ]


def datagrams(rng: random.Random, count: int) -> Iterator[bytes]:
    """Random bytes, and honest queries with something wrong."""
    honest = seeds(rng)
    spoil = (cut, recount, insert, lengthen, append, lambda rng, wire, honest: None)
    for _ in range(count):
        if rng.random() < 0.1:
            yield rng.randbytes(rng.randrange(120))
            continue
        wire = bytearray(rng.choice(honest))
        rng.choice(spoil)(rng, wire, honest)
        if rng.random() < 0.8:
            for _ in range(rng.randrange(4)):
                if len(wire) > 12:
                    wire[rng.randrange(12, len(wire))] = rng.randrange(256)
        yield bytes(wire)


def cut(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    del wire[rng.randrange(len(wire)) :]


def recount(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    """Other flags and counts."""
    wire[2:4] = rng.randbytes(2)
    wire[4:12] = rng.randbytes(8) if rng.random() < 0.3 else bytes(rng.choice((0, 0, 0, 1, 2)) for _ in range(8))


def insert(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    at = rng.randrange(len(wire))
    wire[at:at] = rng.randbytes(rng.randrange(1, 30))


def lengthen(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    """More labels, up to names that are too long."""
    wire[12:12] = b"".join(bytes((n,)) + rng.randbytes(n) for n in rng.choices(range(1, 64), k=rng.randrange(9)))


def append(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    wire += rng.choice(honest)[12:]


@pytest.mark.timeout(3600 if COUNT > 100_000 else 120)
def test_hostile_datagrams() -> None:
    print(f"seed {SEED}, {COUNT} datagrams")
    rng = random.Random(SEED)
    ctx = made()
    kinds: Counter[str] = Counter()
    started = time.monotonic()
    for number, wire in enumerate(datagrams(rng, COUNT), 1):
        transport = rng.choice((UDP, TCP))
        kinds[check(ctx, wire, transport)] += 1
        if number % 100_000 == 0:
            print(
                f"{number} of {COUNT}, {number / (time.monotonic() - started):.0f} a second, {dict(kinds)}", flush=True
            )
    assert ctx.counters[NAMES.index("failed")] == 0, f"seed {SEED}: respond() met a fault of ours"
    assert {"silence", "NOERROR", "NXDOMAIN", "FORMERR", "NOTIMP", "REFUSED"} <= set(kinds)


def check(ctx: Context, wire: bytes, transport: int) -> str:
    """One datagram: silence where none may answer, else a message that an independent reader accepts whole."""
    reply = respond(ctx, wire, SOURCE, transport)
    silent = len(wire) < 12 or bool(wire[2] & 0x80)
    assert (reply is None) is silent, f"seed {SEED}: {wire.hex()}"
    if reply is None:
        return "silence"
    assert reply[:2] == wire[:2], f"seed {SEED}: {wire.hex()}"
    assert reply[2] & 0x80, f"seed {SEED}: {wire.hex()}"
    assert transport == TCP or len(reply) <= 1232, f"seed {SEED}: {wire.hex()}"
    try:
        return str(dns.message.from_wire(reply).rcode().name)
    except Exception as error:
        raise AssertionError(f"seed {SEED}: {wire.hex()} got {reply.hex()}: {error}") from error
