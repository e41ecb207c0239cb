"""What the hostile tests send: honest queries of every kind to a zone with everything in it, and what can spoil them.

python -m tests.fuzz.corpus FOLDER     the honest queries as files, to start atheris from
"""

import random
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import dns.edns

from gslb.config.model import Config, Match, Pool, Rule
from gslb.context import Context
from gslb.table.entries import Table
from tests.support import OSAKA, TOKYO, config, context, name, query, table

SECRET = bytes(range(16))
STATIC = (
    "txt 60 TXT hello",
    "big 60 TXT " + " ".join(f'"{"x" * 250}"' for _ in range(6)),
    "*.wild 60 TXT wildcard",
    "sub 600 NS ns.sub",
    "ns.sub 600 A 192.0.2.77",
    "chain 60 CNAME www",
    "loop1 60 CNAME loop2",
    "loop2 60 CNAME loop1",
    "svc 60 HTTPS 1 . alpn=h2",
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
    "svc",
    "whoami",
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
    dns.edns.CookieOption(b"12345678", b"\1\0\0\0abcdefghijkl"),
    dns.edns.GenericOption(dns.edns.OptionType(11), b""),
    dns.edns.GenericOption(dns.edns.OptionType(65001), b"x" * 20),
)
Spoil = Callable[[random.Random, bytearray, list[bytes]], None]


def rich(**node_settings: object) -> Config:
    """A zone that has everything."""
    rules = (Rule(("web",), match=Match(subnet=("1.0.0.0/8", "10.0.0.0/8"))), Rule(("hash",)))
    pools = [
        Pool("web", (TOKYO, OSAKA)),
        Pool("hash", (TOKYO, OSAKA), policy="hash"),
        Pool("near", (TOKYO, OSAKA), policy="nearest", answers=2),
    ]
    names = [name("geo", *rules), *(name(owner, Rule((pool,))) for owner, pool in (("www", "web"), ("hash", "hash")))]
    settings = {"cookie_secrets": (SECRET,), "acl_whoami": ("0.0.0.0/0",), **node_settings}
    return config(STATIC, pools, [*names, name("near", Rule(("near",)))], **settings)


def made(seed: int = 1) -> Context:
    """A context over that zone."""
    return context(_table(), seed)


@cache
def _table() -> Table:
    return table(rich())


@cache
def seeds(seed: int = 1) -> list[bytes]:
    """Honest queries of every kind."""
    rng = random.Random(seed)
    return [
        query(owner, rtype, payload=rng.choice([None, 512, 1232, 4096]), options=rng.sample(OPTIONS, rng.randrange(3)))
        for owner in OWNERS
        for rtype in TYPES
    ]


def datagrams(rng: random.Random, count: int) -> Iterator[bytes]:
    """Random bytes, and honest queries with something wrong."""
    honest = seeds()
    spoil: tuple[Spoil, ...] = (cut, recount, insert, lengthen, append, leave)
    draw, choose = rng.random, rng.choice
    for _ in range(count):
        if draw() < 0.1:
            yield rng.randbytes(int(draw() * 120))
            continue
        wire = bytearray(choose(honest))
        choose(spoil)(rng, wire, honest)
        if draw() < 0.8:
            for _ in range(int(draw() * 4)):
                if len(wire) > 12:
                    wire[12 + int(draw() * (len(wire) - 12))] = int(draw() * 256)
        yield bytes(wire)


def cut(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    """The end is missing."""
    del wire[rng.randrange(len(wire)) :]


def recount(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    """Other flags and counts."""
    wire[2:4] = rng.randbytes(2)
    wire[4:12] = rng.randbytes(8) if rng.random() < 0.3 else bytes(rng.choices((0, 0, 0, 1, 2), k=8))


def insert(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    """Noise somewhere."""
    at = rng.randrange(len(wire))
    wire[at:at] = rng.randbytes(rng.randrange(1, 30))


def lengthen(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    """More labels, up to names that are too long."""
    wire[12:12] = b"".join(bytes((n,)) + rng.randbytes(n) for n in rng.choices(range(1, 64), k=rng.randrange(9)))


def append(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    """Another message behind."""
    wire += rng.choice(honest)[12:]


def leave(rng: random.Random, wire: bytearray, honest: list[bytes]) -> None:
    """Nothing."""


def silent(wire: bytes) -> bool:
    """Whether nobody may answer this: too short for a header, or a reply itself."""
    return len(wire) < 12 or bool(wire[2] & 0x80)


def write(folder: Path) -> int:
    """The honest queries as files, once bare and once as TCP frames; their number."""
    for kind, joined in (("respond", seeds()), ("frames", framed(seeds()))):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number, wire in enumerate(joined):
            (folder / kind / f"{number:04}").write_bytes(wire)
    return len(seeds())


def framed(wires: list[bytes]) -> list[bytes]:
    """Pairs of messages as they go over TCP, after an octet that the frame target chooses its pieces by."""
    frames = [len(wire).to_bytes(2) + wire for wire in wires]
    return [bytes((number % 256,)) + b"".join(frames[number : number + 2]) for number in range(len(frames))]


if __name__ == "__main__":
    print(write(Path(sys.argv[1])), "queries written")
