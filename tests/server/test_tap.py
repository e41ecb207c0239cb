"""Rings of copies: what goes in comes out, and a full one costs no answer."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gslb.context import TCP, UDP, Context
from gslb.server import tap
from gslb.server.tap import QUERY, RESPONSE, ROOM, Ring, RingReader, Tap, Wanted, tapped
from tests.server.stand_in import numbered

V4 = bytes((192, 0, 2, 1))
V6 = bytes(range(16))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tap-0.ring"


@pytest.fixture
def ring(path: Path) -> Iterator[Ring]:
    made = Ring(path)
    yield made
    made.close()


@pytest.fixture
def reader(ring: Ring) -> Iterator[RingReader]:
    made = RingReader(ring.path)
    yield made
    made.close()


def echo(ctx: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
    return wire[::-1] or None


@pytest.fixture
def ctx() -> Context:
    context = Context(numbered(1), random.Random(1))
    context.now = 1_800_000_000.25
    return context


@pytest.mark.parametrize(
    "wanted", [Wanted(), Wanted(responses=True), Wanted(queries=True, sample=7), Wanted(True, True, 1_000_000)]
)
def test_what_is_wanted_fits_a_word(wanted: Wanted) -> None:
    assert Wanted.of(wanted.word) == wanted
    assert bool(wanted.word) == (wanted.queries or wanted.responses)


def test_copies_come_out_as_they_went_in(ring: Ring, reader: RingReader) -> None:
    ring.put(QUERY, UDP, V4, 1.5, b"query")
    ring.put(RESPONSE, TCP, V6, 2.5, b"")
    first, second = reader.take(10)
    assert first == (QUERY, UDP, V4, 1.5, 0.0, b"query")
    assert second[:4] == (RESPONSE, TCP, V6, 2.5)
    assert (second.answered > 1e9, second.message) == (True, b"")
    assert reader.take(10) == []


def test_any_sizes_over_many_rounds(ring: Ring, reader: RingReader) -> None:
    draw = random.Random(3)
    written = 0
    while written < 5 * ROOM:
        batch = [draw.randbytes(draw.choice((0, 1, 12, 100, 512, 4096, 65535))) for _ in range(draw.randrange(1, 8))]
        for message in batch:
            ring.put(QUERY, UDP, V4, 1.0, message)
            written += len(message)
        assert [copy.message for copy in reader.take(100)] == batch
    assert reader.dropped == 0


def test_a_full_ring_drops_the_newest_and_counts(ring: Ring, reader: RingReader) -> None:
    for number in range(300):
        ring.put(QUERY, UDP, V4, float(number), bytes(8000))
    kept = reader.take(1000)
    assert [copy.asked for copy in kept] == [float(number) for number in range(len(kept))]
    assert 100 < len(kept) < 140
    assert reader.dropped == 300 - len(kept)
    ring.put(QUERY, UDP, V4, 7.0, b"room again")
    assert [copy.message for copy in reader.take(1)] == [b"room again"]


def test_discarding_tells_how_many(ring: Ring, reader: RingReader) -> None:
    for _ in range(3):
        ring.put(QUERY, UDP, V4, 1.0, b"x")
    assert (reader.discard(), reader.discard(), reader.dropped) == (3, 0, 0)


def test_a_file_that_is_no_ring(path: Path) -> None:
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="mmap length"):
        RingReader(path)


def test_queries_and_responses(ring: Ring, reader: RingReader, ctx: Context) -> None:
    answer = tapped(echo, ring, Wanted(queries=True, responses=True))
    assert answer(ctx, b"abc", V4, UDP) == b"cba"
    assert answer(ctx, b"", V6, TCP) is None  # nothing was sent, so there is no copy of it
    found = [(copy.kind, copy.transport, copy.source, copy.message) for copy in reader.take(10)]
    assert found == [(QUERY, UDP, V4, b"abc"), (RESPONSE, UDP, V4, b"cba"), (QUERY, TCP, V6, b"")]


def test_one_in_so_many(ring: Ring, reader: RingReader, ctx: Context) -> None:
    answer = tapped(echo, ring, Wanted(responses=True, sample=3))
    for number in range(10):
        answer(ctx, bytes((number + 1,)), V4, UDP)
    assert [copy.message for copy in reader.take(10)] == [b"\x01", b"\x04", b"\x07", b"\x0a"]


def test_off_is_the_plain_function_and_no_file(path: Path) -> None:
    switch = Tap(path)
    assert switch.around(echo, Wanted()) is echo
    assert switch.around(echo, Wanted(queries=True)) is not echo
    assert path.stat().st_mode & 0o777 == 0o600
    assert switch.around(echo, Wanted()) is echo
    assert not path.exists()


def test_a_ring_that_cannot_be_made_costs_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    switch = Tap(tmp_path / "absent" / "tap-0.ring")
    assert switch.around(echo, Wanted(queries=True)) is echo
    assert "no copies from this worker" in caplog.text
    monkeypatch.setattr(tap, "ROOM", 1 << 62)  # no disk has that
    full = Tap(tmp_path / "tap-1.ring")
    assert full.around(echo, Wanted(queries=True)) is echo
