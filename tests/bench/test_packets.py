"""Prepared queries are what they say, by an independent reader."""

import struct
from collections import Counter
from pathlib import Path

import dns.message
import dns.rdatatype
import pytest

from bench import packets
from gslb.dns.message import FORMERR, parse

NAMES = [f"d{number:06}.bench.example." for number in range(100)]


def read(path: Path) -> list[tuple[bytes, int]]:
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        size, opt = struct.unpack_from("!HH", data, at)
        found.append((data[at + 4 : at + 4 + size], opt))
        at += 4 + size
    return found


def test_a_message_is_read_back_as_it_was_meant() -> None:
    message = dns.message.from_wire(packets.message("www.bench.example.", 28, dnssec=True, subnet=b"\x0b\x16\x21"))
    assert message.question[0].to_text() == "www.bench.example. IN AAAA"
    assert message.ednsflags & 0x8000
    assert message.options[0].to_text() == "ECS 11.22.33.0/24 scope/0"
    assert dns.message.from_wire(packets.message("www.bench.example.", edns=False)).edns == -1


def test_a_file_tells_where_rdlength_is(tmp_path: Path) -> None:
    wires = [packets.message("a.example."), packets.message("a.example.", subnet=b"\x0b\x00\x01")]
    for wire, opt in read(packets.write(tmp_path / "queries", wires)):
        assert int.from_bytes(wire[opt : opt + 2]) == len(wire) - opt - 2


def test_the_realistic_mix_is_as_the_workload_says() -> None:
    static = [name.replace("d", "s", 1) for name in NAMES]
    mix = [dns.message.from_wire(wire) for wire in packets.realistic(NAMES, static, 4000)]
    owners = Counter(message.question[0].name.to_text() for message in mix)
    assert sum(count for owner, count in owners.items() if owner.startswith("d")) == pytest.approx(2000, abs=200)
    assert sum(bool(message.options) for message in mix) == pytest.approx(2000, abs=200)
    assert sum(bool(message.ednsflags & 0x8000) for message in mix) == pytest.approx(600, abs=120)
    assert sum(message.question[0].rdtype == dns.rdatatype.AAAA for message in mix) == pytest.approx(400, abs=100)
    assert owners.most_common(1)[0][1] > 5 * 4000 / 200  # Zipf: the first is asked far more often than the average


def test_equal_seeds_give_equal_queries() -> None:
    assert list(packets.realistic(NAMES, NAMES, 50)) == list(packets.realistic(NAMES, NAMES, 50))
    assert packets.spellings("www.bench.example.", 5) == packets.spellings("www.bench.example.", 5)


def test_every_malformed_message_deserves_formerr() -> None:
    for wire in packets.malformed("www.bench.example.", 500):
        query = parse(wire)
        assert query is not None
        assert query.rcode == FORMERR or query.malformed
