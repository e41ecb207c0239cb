"""Both publishers; worker processes are played by pages of this process."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gslb.errors import StateError
from gslb.server import publish
from gslb.server.pages import LOADING, RETIRING, SERVING, Pages
from gslb.server.processes import ProcessId
from gslb.server.publish import LocalPublisher, NoPublisher, SharedPublisher
from gslb.server.state import StateFolder
from gslb.server.stats import COUNTER_NAMES
from gslb.server.tallies import Sheet, Tallied
from gslb.server.tap import Wanted
from gslb.server.worker import Worker
from gslb.table.rows import zeroed
from tests.server.stand_in import OSAKA, TOKYO, numbered, with_down
from tests.support import addresses, ask, context, query


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


@pytest.fixture
def pages(state: StateFolder) -> Iterator[Pages]:
    mapped = Pages(state.pages_path)
    yield mapped
    mapped.close()


@pytest.fixture
def publisher(state: StateFolder, pages: Pages) -> Iterator[SharedPublisher]:
    shared = SharedPublisher(state)
    yield shared
    shared.close()


def serve(pages: Pages, slot: int, generation: int, *, state: int = SERVING) -> None:
    page = pages.slots[slot]
    page.pid, page.start = ProcessId.me()
    page.state, page.leaves_generation = state, generation


def test_pages_say_what_is_published(publisher: SharedPublisher, pages: Pages) -> None:
    made = numbered(1)
    before = time.time_ns()
    assert publisher.publish_base(made.base, made.leaves) == 1
    assert (pages.control.base_generation, pages.control.leaves_generation) == (1, 1)
    assert before <= pages.control.stamp <= time.time_ns()
    assert publisher.publish_leaves(with_down(made, 1, TOKYO)) == 2
    assert (pages.control.base_generation, pages.control.leaves_generation) == (1, 2)
    table = publisher.served()
    assert table is not None
    assert addresses(ask(context(table), query("www"))) == [OSAKA]


def test_what_is_to_be_copied_is_on_the_page(publisher: SharedPublisher, pages: Pages) -> None:
    assert pages.control.tap == 0
    publisher.tap(Wanted(responses=True, sample=10))
    assert Wanted.of(pages.control.tap) == Wanted(responses=True, sample=10)


def test_only_one_may_publish(publisher: SharedPublisher, state: StateFolder) -> None:
    with pytest.raises(StateError, match="publishing in state folder"):
        SharedPublisher(state)


def test_a_mismatch_is_never_handed_out(publisher: SharedPublisher, pages: Pages) -> None:
    one, two = numbered(1), numbered(2)
    with pytest.raises(ValueError, match="another base"):
        publisher.publish_base(one.base, two.leaves)
    publisher.publish_base(one.base, one.leaves)
    with pytest.raises(ValueError, match="another base"):
        publisher.publish_leaves(two.leaves)
    assert pages.control.leaves_generation == 1


def test_a_write_that_fails_announces_nothing(publisher: SharedPublisher, state: StateFolder, pages: Pages) -> None:
    made = numbered(1)
    publisher.publish_base(made.base, made.leaves)
    (state.path / ".leaves-1.snap.tmp").mkdir()
    (state.path / ".change-1-1.snap.tmp").mkdir()
    with pytest.raises(StateError):
        publisher.publish_leaves(with_down(made, 1, TOKYO))
    assert pages.control.leaves_generation == 1


def test_workers_that_do_not_follow_get_the_whole(
    publisher: SharedPublisher, state: StateFolder, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = numbered(1)
    serve(pages, 0, publisher.publish_base(made.base, made.leaves))
    publisher.publish_leaves(with_down(made, 1, TOKYO))
    serve(pages, 0, publisher.publish_leaves(made.leaves))
    monkeypatch.setattr(publish, "_LATE", 0.0)
    publisher.publish_leaves(made.leaves)
    assert state.leaves_generation(1) < 4  # nobody is late
    serve(pages, 0, 3)
    publisher.publish_leaves(made.leaves)
    assert state.leaves_generation(1) == 5


def test_a_restart_goes_on_counting_and_replaces_no_equal_base(state: StateFolder, pages: Pages) -> None:
    made = numbered(1)
    for generation in (1, 2):
        publisher = SharedPublisher(state)
        assert publisher.publish_base(made.base, made.leaves) == generation
        assert (pages.control.base_generation, pages.control.leaves_generation) == (1, generation)
        publisher.close()


def test_old_bases_are_cleaned_once_unused(publisher: SharedPublisher, state: StateFolder, pages: Pages) -> None:
    pages.slots[0].state = SERVING
    pages.slots[0].base_generation = 1
    for number in range(1, 7):
        made = numbered(number)
        publisher.publish_base(made.base, made.leaves)
    assert state.bases() == [6, 5, 4, 1]


async def test_it_waits_for_all_that_can_answer(publisher: SharedPublisher, pages: Pages) -> None:
    made = numbered(1)
    generation = publisher.publish_base(made.base, made.leaves)
    serve(pages, 0, generation)
    serve(pages, 1, generation - 1)
    serve(pages, 2, 0, state=LOADING)
    assert not await publisher.wait_acknowledged(generation, 0.02)
    waiting = asyncio.create_task(publisher.wait_acknowledged(generation, 2.0))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    pages.slots[1].leaves_generation = generation
    assert await waiting
    serve(pages, 3, 0, state=RETIRING)  # it may still answer over TCP
    assert not await publisher.wait_acknowledged(generation, 0.02)
    pages.slots[3].start = 1  # it is dead
    assert await publisher.wait_acknowledged(generation, 0.02)


def test_workers_and_totals(publisher: SharedPublisher, pages: Pages) -> None:
    serve(pages, 4, 7)
    pages.slots[4].counters = [3]
    serve(pages, 5, 7)
    pages.slots[5].start = 1
    alive, dead = publisher.workers()
    assert (alive.slot, alive.pid, alive.generation, alive.alive, alive.state) == (
        4,
        *ProcessId.me()[:1],
        7,
        True,
        "serving",
    )
    assert alive.counters["udp_queries"] == publisher.totals()["udp_queries"] == 3
    assert not dead.alive


async def test_what_workers_answered_is_added_up(publisher: SharedPublisher, state: StateFolder) -> None:
    made = numbered(1)
    publisher.publish_base(made.base, made.leaves)
    rows = zeroed(made.base)
    rows[1][1] = 4
    sheet = Sheet(state.path, made.base, rows)
    sheet.step()
    assert list((await asyncio.to_thread(publisher.tallied)).zones.values()) == [4]
    sheet.close()


async def test_the_local_publisher_counts_over_reloads() -> None:
    worker = Worker([("127.0.0.1", 0)])
    publisher = LocalPublisher(worker)
    assert publisher.tallied() == Tallied({}, {})
    for number in (1, 2):
        made = numbered(number)
        publisher.publish_base(made.base, made.leaves)
        for _ in range(3):
            worker.rows[1][1] += 1
            publisher.publish_leaves(with_down(made, number, TOKYO))
        assert list(publisher.tallied().zones.values()) == [3 * number]
    await worker.close()


async def test_the_local_publisher_does_the_same_at_once(state: StateFolder) -> None:
    worker = Worker([("127.0.0.1", 0)])
    publisher = LocalPublisher(worker)
    assert publisher.served() is None
    made = numbered(1)
    assert publisher.publish_base(made.base, made.leaves) == 1
    assert await publisher.wait_acknowledged(1, 0.0)
    assert publisher.publish_leaves(with_down(made, 1, TOKYO)) == 2
    assert not await publisher.wait_acknowledged(3, 0.0)
    table = publisher.served()
    assert table is not None
    assert addresses(ask(context(table), query("www"))) == [OSAKA]
    (status,) = publisher.workers()
    assert (status.generation, status.alive, status.counters) == (2, True, publisher.totals())
    publisher.close()
    await worker.close()


async def test_the_local_publisher_leaves_a_table_for_the_next_start(state: StateFolder) -> None:
    made = numbered(1)
    for generation in (1, 3):
        worker = Worker([("127.0.0.1", 0)])
        publisher = LocalPublisher(worker, state)
        earlier = publisher.served()
        assert (earlier is None) == (generation == 1)
        assert publisher.publish_base(made.base, made.leaves) == generation
        assert publisher.publish_leaves(made.leaves) == generation + 1
        publisher.close()


async def test_a_node_that_answers_nothing_publishes_to_nobody() -> None:
    none = NoPublisher()
    made = numbered(1)
    assert (none.publish_base(made.base, made.leaves), none.publish_leaves(made.leaves)) == (1, 2)
    assert await none.wait_acknowledged(2, 0.0)
    assert (none.served(), none.workers()) == (None, [])
    assert set(none.totals()) == set(COUNTER_NAMES)
    assert not any(none.totals().values())
    none.tap(Wanted(queries=True))
    none.close()
