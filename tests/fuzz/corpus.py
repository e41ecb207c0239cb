"""What the hostile tests send: honest queries of every kind to a zone with everything in it, and what can spoil them.

python -m tests.fuzz.corpus FOLDER     the honest queries as files, to start atheris from
"""

import random
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

import dns.edns
import dns.exception
import dns.message

from gslb.dns.cookie import make_cookie
from tests.fuzz.world import POOLS, SECRET, SERVED, SOURCES, STATIC
from tests.support import header, query

NOW: Final = 1_790_000_000
"""Epoch seconds at which the cookies of the corpus were made."""
_OLD: Final = NOW - 2000  # good still, but not to be sent back
_SPECIAL: Final = [
    "www",
    "geo",
    "placed",
    "chosen",
    "drawn",
    "drawn-dead",
    "drawn-one-family",
    "drawn-unknown",
    "x.many",
    "x.wild",
    "y.sub",
    "z.wide",
]
OWNERS: Final = (
    *dict.fromkeys(line.split()[0] for line in STATIC if not line.startswith("ns")),
    *(pool.name for pool in POOLS),
    *(f"app-{pool}" for pool in SERVED),
    *_SPECIAL,
    *("whoami", "missing", "@", "child.gslb.example.com.", "www.child.gslb.example.com.", ".", "a.test."),
)
TYPES: Final = ("A", "AAAA", "TXT", "NS", "SOA", "CNAME", "ANY", "DS", "HTTPS", "SVCB", "TYPE65535")
TAILORED: Final = (
    ("geo", "A"),
    ("near", "AAAA"),
    ("hash", "A"),
    ("placed", "A"),
    ("whoami", "TXT"),
    ("to-names", "TXT"),
)
"""What is asked with each option."""
META: Final = ("AXFR", "IXFR", "OPT", "TYPE0", "TYPE128", "TYPE200")
CHAOS: Final = ("version.bind.", "version.server.", "id.server.", "hostname.bind.", "other.bind.")
OPTIONS: Final = (
    dns.edns.NSIDOption(b""),
    dns.edns.ECSOption("1.2.3.0", 24),
    dns.edns.ECSOption("2.2.3.0", 24),
    dns.edns.ECSOption("10.1.0.0", 16),
    dns.edns.ECSOption("0.0.0.0", 0),
    dns.edns.ECSOption("2a00:1450::", 56),
    dns.edns.ECSOption("2001:db8:a::", 48),
    dns.edns.CookieOption(b"12345678", b""),
    dns.edns.CookieOption(b"12345678", b"\1\0\0\0abcdefghijkl"),
    *(dns.edns.CookieOption(b"12345678", make_cookie(SECRET, b"12345678", NOW, source)[8:]) for source in SOURCES),
    *(dns.edns.CookieOption(b"12345678", make_cookie(SECRET, b"12345678", _OLD, source)[8:]) for source in SOURCES),
    dns.edns.GenericOption(dns.edns.OptionType(10), b"short"),
    dns.edns.GenericOption(dns.edns.OptionType(8), bytes((0, 1, 20, 0, 1, 2, 255))),
    dns.edns.GenericOption(dns.edns.OptionType(8), bytes((0, 3, 8, 0, 1))),
    dns.edns.GenericOption(dns.edns.OptionType(8), bytes(4)),
    dns.edns.GenericOption(dns.edns.OptionType(11), b""),
    dns.edns.GenericOption(dns.edns.OptionType(65001), b"x" * 20),
)
PAYLOADS: Final = (None, 512, 1232, 4096)
_COOKIE: Final = b"\0\0\x29\x10\0\0\0\0\0\0\x0c\0\x0a\0\x0812345678"
_NO_FAMILY: Final = b"\0\x08\0\4" + bytes(4)
Spoil = Callable[[random.Random, bytearray, list[bytes]], None]


@cache
def seeds(seed: int = 1) -> list[bytes]:
    """Honest queries of every kind, each with and without EDNS, and what few send."""
    rng = random.Random(seed)
    asked = [*product(OWNERS, TYPES), *product(("www", "."), META)]
    chaos = [query(owner, "TXT", payload=payload) for owner in CHAOS for payload in PAYLOADS[:2]]
    return [
        *(query(*question) for question in asked),
        *(
            query(*question, payload=rng.choice(PAYLOADS), options=rng.sample(OPTIONS, rng.randrange(4)))
            for question in asked
        ),
        *(query(owner, rtype, options=[option]) for (owner, rtype), option in product(TAILORED, OPTIONS)),
        *(in_class(wire, rclass) for wire in (*chaos, query("www"), query("big", "TXT")) for rclass in (3, 255, 2)),
        *rare(),
    ]


def in_class(wire: bytes, rclass: int) -> bytes:
    """The query in another class."""
    end = wire.index(b"\0", 12) + 5
    return wire[: end - 2] + rclass.to_bytes(2) + wire[end:]


def rare() -> Iterator[bytes]:
    """Of these some are fair, some not; all are whole, and a server has to answer them."""
    dressed = query("www", payload=1232)
    plain, opt = query("www")[12:], dressed[dressed.rindex(b"\0\0\x29") :]
    yield header(counts=(0, 0, 0, 1)) + _COOKIE
    yield header(counts=(0, 0, 0, 0))
    for flags in (0x2800, 0x0110, 0x0040, 0x0005):  # UPDATE; RD and CD; the bit that must be 0; an RCODE
        yield header(flags=flags) + plain
    for version, dnssec in ((1, 0), (1, 0x80), (0, 0x80)):
        yield header(counts=(1, 0, 0, 1)) + plain + opt[:6] + bytes((version, dnssec)) + opt[8:]
    yield header(counts=(1, 0, 0, 1)) + plain + opt[:9] + b"\0\2\0\3"  # half an option
    yield header(counts=(1, 0, 0, 1)) + plain + opt[:9] + b"\0\5\0"  # less than it says
    for owner in (b"\xc0\x0c", b"\1a\0", b"\1a" * 130 + b"\0", b"\x40" + b"a" * 64 + b"\0"):
        for counts in ((1, 1, 0, 0), (1, 0, 0, 1)):
            yield header(counts=counts) + plain + owner + b"\0\1\0\1\0\0\0\0\0\0"
        yield header(counts=(1, 0, 0, 2)) + plain + owner + b"\0\1\0\1\0\0\0\0\0\0" + opt
        yield header(counts=(1, 0, 0, 1)) + plain + owner + opt[1:]
    yield header(counts=(1, 0, 0, 2)) + plain + opt + opt
    yield header() + b"\x3fa" + plain


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


def independent(reply: bytes) -> dns.message.Message:
    """The reply as dnspython reads it. ECS with FAMILY 0 and SOURCE 0, which it does not know, is shown as FAMILY 1."""
    try:
        return dns.message.from_wire(reply)
    except dns.exception.FormError:
        head, found, tail = reply.rpartition(_NO_FAMILY)
        if not found:
            raise
        return dns.message.from_wire(head + _NO_FAMILY[:4] + b"\0\1\0\0" + tail)


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
