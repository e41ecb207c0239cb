"""Long work, one piece after the other."""

import asyncio
import gc
import threading

import pytest

from gslb.api.turns import Turns
from gslb.errors import NotFoundError, TooManyRequestsError


async def test_one_after_the_other_and_not_too_many() -> None:
    turns, go, running, most = Turns(3), threading.Event(), 0, 0

    def work() -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        go.wait(5.0)
        running -= 1
        return gc.isenabled()

    under_way = [asyncio.create_task(turns.take(work)) for _ in range(3)]
    await asyncio.sleep(0.05)
    with pytest.raises(TooManyRequestsError) as refused:
        await turns.take(work)
    assert refused.value.retry_after == 1
    go.set()
    assert await asyncio.gather(*under_way) == [False] * 3
    assert (most, gc.isenabled(), await turns.take(work)) == (1, True, False)


async def test_what_fails_makes_room() -> None:
    turns = Turns(1)

    def work() -> None:
        raise NotFoundError("no such thing")

    for _ in range(2):
        with pytest.raises(NotFoundError):
            await turns.take(work)
