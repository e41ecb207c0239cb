"""However TCP cuts a stream into pieces, the replies are those to its whole frames, in order."""

import random
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import datagrams
from tests.fuzz.frames import answered, expected

STREAMS = st.tuples(st.integers(0, 2**32), st.integers(0, 30), st.binary(max_size=40))


def stream(seed: int, count: int, end: bytes) -> bytes:
    """Frames of mutated queries, and then anything."""
    frames = [wire for wire in datagrams(random.Random(seed), count) if len(wire) >= 12]
    return b"".join(len(wire).to_bytes(2) + wire for wire in frames) + end


async def test_pieces_do_not_matter() -> None:
    data = stream(1, 200, b"\0")
    assert await answered(data, cycle([1])) == await answered(data, cycle([9999])) == expected(data)
    assert len(expected(data)) > 1000


@settings(max_examples=150, deadline=None)
@given(made=STREAMS, sizes=st.lists(st.integers(1, 700), min_size=1, max_size=8))
async def test_any_stream_in_any_pieces(made: tuple[int, int, bytes], sizes: list[int]) -> None:
    data = stream(*made)
    assert await answered(data, cycle(sizes)) == expected(data)
