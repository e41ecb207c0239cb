"""Requests that are sent again."""

import asyncio

import pytest

from gslb.api.idempotency import KEEP, MOST, Remembered
from gslb.errors import ConflictError, InvalidError

PLACE = ("token", "POST /drains", "key")


class Doing:
    """Counts how often it is done."""

    def __init__(self) -> None:
        self.times = 0
        self.go = asyncio.Event()
        self.refuses = False

    async def __call__(self) -> int:
        self.times += 1
        await self.go.wait()
        if self.refuses:
            raise ConflictError("no")
        return self.times


async def test_once() -> None:
    known: Remembered[int] = Remembered()
    do = Doing()
    do.go.set()
    assert [await known.once(PLACE, b"x", do) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(InvalidError, match="another request"):
        await known.once(PLACE, b"y", do)
    assert await known.once(("other", *PLACE[1:]), b"y", do) == 2


async def test_at_the_same_time() -> None:
    known: Remembered[int] = Remembered()
    do = Doing()
    tasks = [asyncio.create_task(known.once(PLACE, b"x", do)) for _ in range(5)]
    await asyncio.sleep(0)
    do.go.set()
    assert await asyncio.gather(*tasks) == [1] * 5


async def test_what_was_refused_may_be_asked_again() -> None:
    known: Remembered[int] = Remembered()
    do = Doing()
    do.refuses = True
    tasks = [asyncio.create_task(known.once(PLACE, b"x", do)) for _ in range(3)]
    await asyncio.sleep(0)
    do.go.set()
    assert [type(one) for one in await asyncio.gather(*tasks, return_exceptions=True)] == [ConflictError] * 3
    assert (do.times, len(known)) == (3, 0)
    do.refuses = False
    assert await known.once(PLACE, b"y", do) == 4


async def test_who_waits_may_go() -> None:
    known: Remembered[int] = Remembered()
    do = Doing()
    first = asyncio.create_task(known.once(PLACE, b"x", do))
    second = asyncio.create_task(known.once(PLACE, b"x", do))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    do.go.set()
    assert await first == 1


async def test_it_forgets() -> None:
    now = [0.0]
    known: Remembered[int] = Remembered(lambda: now[0])
    do = Doing()
    do.go.set()
    await known.once(PLACE, b"x", do)
    now[0] = KEEP + 1
    assert await known.once(PLACE, b"y", do) == 2
    for number in range(2 * MOST):
        await known.once(("t", "p", str(number)), b"", do)
    assert len(known) == MOST


@pytest.mark.parametrize("key", ["", "x" * 129, "two words", "\u00e9"])
async def test_what_is_no_key(key: str) -> None:
    known: Remembered[int] = Remembered()
    with pytest.raises(InvalidError):
        await known.once(("t", "p", key), b"", Doing())
