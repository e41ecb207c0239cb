"""Queries as files for the load client: each workload is a few thousand messages that are sent round and round.

Everything is drawn from one seed, so every server gets the same queries in the same order.
"""

import random
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

A, AAAA = 1, 28
_FORMAT = struct.Struct("!HH")
_HEADER = struct.Struct("!HHHHHH")
_OPT = struct.Struct("!BHHIH")
_ECS = struct.Struct("!HHHBB")
_DO = 0x8000
_PAYLOAD = 1232


def message(owner: str, rtype: int = A, *, edns: bool = True, dnssec: bool = False, subnet: bytes = b"") -> bytes:
    """One query, RD clear. `subnet`: three octets of an IPv4 /24, sent as ECS."""
    labels = owner.rstrip(".").split(".")
    name = b"".join(bytes((len(label),)) + label.encode() for label in labels) + b"\0"
    wire = _HEADER.pack(0, 0, 1, 0, 0, int(edns)) + name + struct.pack("!HH", rtype, 1)
    if edns:
        option = _ECS.pack(8, 4 + len(subnet), 1, 24, 0) + subnet if subnet else b""
        wire += _OPT.pack(0, 41, _PAYLOAD, _DO if dnssec else 0, len(option)) + option
    return wire


def write(path: Path, messages: Iterable[bytes], *, edns: bool = True) -> Path:
    """Messages as the client reads them, with the place of RDLENGTH where an OPT record ends each of them."""
    with path.open("wb") as file:
        for wire in messages:
            file.write(_FORMAT.pack(len(wire), _rdlength_at(wire) if edns else 0) + wire)
    return path


def _rdlength_at(wire: bytes) -> int:
    """Where the OPT record of a message of ours has its RDLENGTH: behind the question, which ends at a zero octet."""
    return wire.index(b"\0", 12) + 5 + _OPT.size - 2


def realistic(
    dynamic: list[str], static: list[str], count: int, seed: int = 1, subnets: float = 0.5
) -> Iterator[bytes]:
    """Names by Zipf's law, half of them dynamic; ECS, 15 % DO, 10 % AAAA. The client adds case and cookies."""
    rng = random.Random(seed)
    pick_dynamic, pick_static = _zipf(dynamic, rng), _zipf(static, rng)
    for _ in range(count):
        owner = next(pick_dynamic) if rng.random() < 0.5 else next(pick_static)
        rtype = AAAA if rng.random() < 0.1 else A
        subnet = _subnet(rng) if rng.random() < subnets else b""
        yield message(owner, rtype, dnssec=rng.random() < 0.15, subnet=subnet)


def _zipf(names: list[str], rng: random.Random, exponent: float = 1.0) -> Iterator[str]:
    shuffled = rng.sample(names, len(names))
    cumulative = list(accumulate(1 / rank**exponent for rank in range(1, len(names) + 1)))
    while True:
        yield shuffled[bisect_left(cumulative, rng.random() * cumulative[-1])]


def _subnet(rng: random.Random) -> bytes:
    """A random /24 of the space that belongs to somebody."""
    return bytes((rng.randrange(11, 100), rng.randrange(256), rng.randrange(256)))


def malformed(owner: str, count: int, seed: int = 1) -> Iterator[bytes]:
    """Messages that deserve FORMERR, of several kinds: cut, label types, pointers, bad options, two questions."""
    rng = random.Random(seed)
    good = message(owner, subnet=b"\x0b\x00\x01")
    question_end = good.index(b"\0", 12) + 5
    for _ in range(count):
        wire = bytearray(good)
        kind = rng.randrange(6)
        if kind == 0:
            wire = wire[: rng.randrange(13, question_end)]
        elif kind == 1:
            wire[12] = rng.choice((0x40, 0x80, 0xC0)) | rng.randrange(64)
        elif kind == 2:
            wire[5] = 2
        elif kind == 3:
            wire[question_end + 9] = 255  # RDLENGTH beyond the message
        elif kind == 4:
            wire[question_end + 17] = rng.randrange(25, 33) if rng.random() < 0.5 else 33 + rng.randrange(200)  # SOURCE
        else:
            wire = wire[: rng.randrange(question_end + 1, len(wire))]
        yield bytes(wire)


def spellings(owner: str, count: int, seed: int = 1) -> list[str]:
    """A name with the case of each letter drawn."""
    rng = random.Random(seed)
    return ["".join(rng.choice((letter.lower(), letter.upper())) for letter in owner) for _ in range(count)]
