"""Those who follow events, on a real history."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from gslb.api import feed as feeds
from gslb.api.feed import Feed, News
from gslb.control.recorder import Recorder
from gslb.store.history import HistoryStore
from gslb.store.historyfile import Wanted
from tests.support import config, states


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncIterator[Recorder]:
    recorder = Recorder(HistoryStore(str(tmp_path / "history.db")))
    yield recorder
    await recorder.close()


BEGAN = time.time() - 60


def change(recorder: Recorder, second: float, *down: str) -> None:
    recorder.note(states(config(), down=down), BEGAN + second)


async def first(recorder: Recorder) -> int:
    """The number of the last event of a beginning."""
    change(recorder, 1.0)
    change(recorder, 2.0, "192.0.2.10")
    return (await recorder.extent())[1]


async def taken(feed: Feed, wanted: Wanted, after: int | None, count: int) -> list[News]:
    """The first so many of what is told."""
    found = []
    async with asyncio.timeout(5), feed.joined() as extent, aclosing(feed.follow(wanted, after, extent)) as stream:
        async for news in stream:
            found.append(news)
            if len(found) == count:
                break
    return found


async def test_what_happens_from_now_on(recorder: Recorder) -> None:
    last = await first(recorder)
    feed = Feed(recorder)
    told = asyncio.create_task(taken(feed, Wanted(), None, 1))
    await asyncio.sleep(0.05)
    assert feed.followers == 1
    change(recorder, 3.0)
    ((events, gap),) = await told
    assert not gap
    assert [event.number for event in events] == list(range(last + 1, last + 1 + len(events)))
    assert {(event.before, event.after) for event in events} == {("down", "up")}
    assert feed.followers == 0


async def test_where_somebody_left_off(recorder: Recorder) -> None:
    last = await first(recorder)
    feed = Feed(recorder)
    ((events, gap),) = await taken(feed, Wanted(), last - 2, 1)
    assert ([event.number for event in events], gap) == ([last - 1, last], False)


async def test_since_a_time_and_at_a_place(recorder: Recorder) -> None:
    await first(recorder)
    feed = Feed(recorder)
    ((events, _),) = await taken(feed, Wanted(since=BEGAN + 2), None, 1)
    assert {event.at for event in events} == {BEGAN + 2}
    ((events, _),) = await taken(feed, Wanted(member="osaka"), 0, 1)
    assert {event.member for event in events} == {"osaka"}


async def test_who_is_far_behind_reads_page_by_page(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PAGE", 3)
    last = await first(recorder)
    found = await taken(Feed(recorder), Wanted(), 0, (last + 2) // 3)
    assert [event.number for news in found for event in news.events] == list(range(1, last + 1))


@pytest.mark.parametrize("after", [999])
async def test_what_is_not_there_any_more_is_a_gap(recorder: Recorder, after: int) -> None:
    last = await first(recorder)
    gap, news = await taken(Feed(recorder), Wanted(), after, 2)
    assert gap == News([], gap=True)
    assert [event.number for event in news.events] == list(range(1, last + 1))


async def test_silence_is_a_heartbeat(recorder: Recorder) -> None:
    await first(recorder)
    assert await taken(Feed(recorder, heartbeat=0.05), Wanted(), None, 2) == [News([])] * 2


async def test_two_follow_one_reading(recorder: Recorder) -> None:
    await first(recorder)
    feed = Feed(recorder)
    both = [asyncio.create_task(taken(feed, Wanted(), None, 1)) for _ in range(2)]
    await asyncio.sleep(0.05)
    change(recorder, 3.0)
    one, other = await asyncio.gather(*both)
    assert one == other


async def test_the_end(recorder: Recorder) -> None:
    await first(recorder)
    feed = Feed(recorder)
    told = asyncio.create_task(taken(feed, Wanted(), None, 1))
    await asyncio.sleep(0.05)
    feed.close()
    assert await told == []


async def test_a_history_that_began_anew_ends_those_who_follow(recorder: Recorder, tmp_path: Path) -> None:
    await first(recorder)
    feed = Feed(recorder)
    told = asyncio.create_task(taken(feed, Wanted(), None, 1))
    await asyncio.sleep(0.05)
    await recorder._store.close()
    for file in tmp_path.glob("history.db*"):
        file.unlink()
    recorder._store = HistoryStore(str(tmp_path / "history.db"))
    recorder.noted += 1
    assert await told == []
