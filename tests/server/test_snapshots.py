"""Tables to disk and back; damaged ones are passed over."""

import logging
from pathlib import Path

import pytest

from gslb.config.model import Pool, Rule
from gslb.errors import SnapshotError, StateError
from gslb.server import snapshots
from gslb.server.snapshots import SnapshotWriter, load_leaves_of, load_newest, newer_leaves
from gslb.server.state import StateFolder
from gslb.table.changes import dump_change, load_change
from gslb.table.entries import Leaves, Table
from gslb.table.leaves import Former, compile_pools
from gslb.table.snapshot import dump_base, dump_leaves
from tests.server.stand_in import OSAKA, TOKYO, numbered, with_down
from tests.support import addresses, ask, config, context, member, name, query, states, table


@pytest.fixture
def state(tmp_path: Path):
    folder = StateFolder(tmp_path / "state")
    yield folder
    folder.close()


def test_nothing_is_nothing(state: StateFolder) -> None:
    assert load_newest(state) is None


def test_what_was_put_is_loaded(state: StateFolder) -> None:
    writer = SnapshotWriter(state)
    made = numbered(1)
    assert writer.put_base(made.base, made.leaves) == 1
    assert writer.put_leaves(with_down(made, 1, TOKYO)) == 2
    loaded = load_newest(state)
    assert loaded is not None
    assert (loaded.base_generation, loaded.leaves_generation) == (1, 2)
    assert loaded.table.base.digest == made.base.digest
    assert addresses(ask(context(loaded.table), query("www"))) == [OSAKA]


def test_an_equal_base_gets_leaves_only_even_after_a_restart(state: StateFolder) -> None:
    made = numbered(1)
    SnapshotWriter(state).put_base(made.base, made.leaves)
    writer = SnapshotWriter(state)
    assert writer.put_base(made.base, made.leaves) == 2
    assert writer.base_generation == 1
    other = numbered(2)
    assert writer.put_base(other.base, other.leaves) == 3
    assert writer.base_generation == 3


def test_generations_rise_over_restarts_whatever_was_lost(state: StateFolder) -> None:
    made = numbered(1)
    assert SnapshotWriter(state, at_least=41).put_base(made.base, made.leaves) == 42
    (state.path / "base-42.snap").write_bytes(b"rubbish")
    assert SnapshotWriter(state).put_base(made.base, made.leaves) == 43


def test_a_damaged_base_or_leaves_file_is_passed_over(state: StateFolder, caplog: pytest.LogCaptureFixture) -> None:
    writer = SnapshotWriter(state)
    for number in (1, 2, 3):
        made = numbered(number)
        writer.put_base(made.base, made.leaves)
    (state.path / "base-3.snap").write_bytes(b"rubbish")
    (state.path / "leaves-2.snap").unlink()
    with caplog.at_level(logging.WARNING):
        loaded = load_newest(state)
    assert loaded is not None
    assert loaded.base_generation == 1
    assert [name in caplog.text for name in ("base-3.snap", "leaves-2.snap", "base-1.snap")] == [True, True, False]


def test_a_foreign_payload_is_passed_over(state: StateFolder) -> None:
    state.write_leaves(1, 1, b"no msgpack of ours")
    state.write_base(1, b"no msgpack of ours")
    assert load_newest(state) is None


def test_leaves_of_another_base_are_refused(state: StateFolder) -> None:
    one, two = numbered(1), numbered(2)
    state.write_base(1, dump_base(one.base))
    state.write_leaves(1, 1, dump_leaves(two.leaves))
    with pytest.raises(SnapshotError, match="another base"):
        load_leaves_of(state, one.base, 1)
    assert load_newest(state) is None


def test_bases_that_are_replaced_while_they_are_read_are_looked_for_again(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = numbered(1)
    SnapshotWriter(state).put_base(made.base, made.leaves)
    real, stale = state.bases, [[7]]
    monkeypatch.setattr(state, "bases", lambda: stale.pop() if stale else real())
    loaded = load_newest(state)
    assert loaded is not None
    assert loaded.base_generation == 1


def test_cleaning_keeps_the_newest_two_and_what_is_in_use(state: StateFolder) -> None:
    writer = SnapshotWriter(state)
    for number in range(1, 6):
        made = numbered(number)
        writer.put_base(made.base, made.leaves)
    writer.clean({2})
    assert state.bases() == [5, 4, 2]


def test_leaves_for_the_base_before_are_put_beside_the_new_ones(state: StateFolder) -> None:
    writer = SnapshotWriter(state)
    old, new = numbered(1), numbered(2)
    writer.put_base(old.base, old.leaves)
    writer.put_base(new.base, new.leaves)
    assert writer.put_leaves(with_down(new, 2, TOKYO), with_down(old, 1, TOKYO)) == 3
    for made, generation in ((old, 1), (new, 2)):
        table = load_leaves_of(state, made.base, generation)
        assert table.generation == 3
        assert addresses(ask(context(table), query("www"))) == [OSAKA]


# Changes


def many() -> Table:
    """Twenty names, each with a pool of its own: what one change of health touches is a small part."""
    return table(MANY)


def many_with_down(made: Table, *down: str) -> Leaves:
    now, before = states(MANY, down=down), states(MANY)
    return compile_pools(made.base, MANY, now, made.leaves.last_good, Former(before, made.leaves))


MEMBERS = [(member("a", f"192.0.2.{n}"), member("b", f"198.51.100.{n}")) for n in range(20)]
MANY = config(
    pools=[Pool(f"p{n}", members) for n, members in enumerate(MEMBERS)],
    names=[name(f"n{n}", Rule((f"p{n}",))) for n in range(20)],
)


def files(state: StateFolder) -> list[str]:
    return sorted(path.name for path in state.path.glob("*-*.snap"))


def served(table: Table, owner: str) -> set[str]:
    ctx = context(table)
    return {address for _ in range(30) for address in addresses(ask(ctx, query(owner)))}


@pytest.fixture
def follower(state: StateFolder) -> tuple[SnapshotWriter, Table, Table]:
    """A writer that has put generation 1, what it has put, and a worker's table of it."""
    writer, made = SnapshotWriter(state), many()
    writer.put_base(made.base, made.leaves)
    loaded = load_newest(state, lean=True)
    assert loaded is not None
    return writer, made, loaded.table


def test_a_small_change_is_a_small_file_that_workers_apply(state: StateFolder, follower) -> None:
    writer, made, table = follower
    assert writer.put_leaves(many_with_down(made, "192.0.2.5")) == 2
    assert files(state) == ["base-1.snap", "change-1-1.snap", "leaves-1.snap"]
    assert (state.path / "change-1-1.snap").stat().st_size * 5 < (state.path / "leaves-1.snap").stat().st_size
    newer = newer_leaves(state, table, 1, 2)
    assert newer.generation == 2
    assert [served(newer, owner) for owner in ("n5", "n6")] == [{"198.51.100.5"}, {"192.0.2.6", "198.51.100.6"}]
    assert newer_leaves(state, newer, 1, 2) is newer
    loaded = load_newest(state)
    assert loaded is not None
    assert (loaded.leaves_generation, served(loaded.table, "n5")) == (2, {"198.51.100.5"})
    assert loaded.table.leaves.last_good["p5"] == {"198.51.100.5"}


def test_a_worker_that_fell_behind_follows_change_by_change(state: StateFolder, follower) -> None:
    writer, made, table = follower
    for number in (1, 2, 3):
        writer.put_leaves(many_with_down(made, f"192.0.2.{number}"))
    newer = newer_leaves(state, table, 1, 4)
    assert newer.generation == 4
    assert [served(newer, f"n{n}") for n in (2, 3)] == [{"192.0.2.2", "198.51.100.2"}, {"198.51.100.3"}]


def test_changes_end_in_a_whole_before_they_are_many_or_large(
    state: StateFolder, follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, made, table = follower
    writer.put_leaves(many_with_down(made, "192.0.2.5"))
    everything = [f"192.0.2.{n}" for n in range(20)]
    writer.put_leaves(many_with_down(made, *everything))
    writer.put_leaves(many_with_down(made))
    assert files(state) == ["base-1.snap", "leaves-1.snap"]
    newer = newer_leaves(state, table, 1, 4)
    assert (newer.generation, served(newer, "n5")) == (4, {"192.0.2.5", "198.51.100.5"})
    monkeypatch.setattr(snapshots, "_MOST_CHANGES", 2)
    for number in range(3):
        writer.put_leaves(many_with_down(made, f"192.0.2.{number}"))
    assert files(state) == ["base-1.snap", "leaves-1.snap"]
    assert state.leaves_generation(1) == 7


def test_a_damaged_change_is_passed_over_by_the_next_whole(
    state: StateFolder, follower, caplog: pytest.LogCaptureFixture
) -> None:
    writer, made, table = follower
    writer.put_leaves(many_with_down(made, "192.0.2.5"))
    writer.put_leaves(many_with_down(made, "192.0.2.6"))
    (state.path / "change-1-2.snap").write_bytes(b"rubbish")
    newer = newer_leaves(state, table, 1, 3)  # as far as it goes
    assert (newer.generation, served(newer, "n5")) == (2, {"198.51.100.5"})
    with pytest.raises(SnapshotError, match="change-1-2"):
        newer_leaves(state, newer, 1, 3)
    with caplog.at_level(logging.WARNING):
        loaded = load_newest(state)
    assert loaded is not None
    assert "change-1-2" in caplog.text
    assert loaded.leaves_generation == 2
    writer.put_leaves(many_with_down(made, "192.0.2.7"), whole=True)
    assert newer_leaves(state, newer, 1, 4).generation == 4


@pytest.mark.parametrize(("since", "to"), [(3, 4), (1, 1)])
def test_a_change_that_belongs_elsewhere_is_refused(state: StateFolder, follower, since: int, to: int) -> None:
    writer, made, table = follower
    writer.put_leaves(many_with_down(made, "192.0.2.5"))
    change = load_change(state.read_change(1, 1).payload)
    state.write_change(1, 1, to, dump_change(change._replace(since=since)))
    with pytest.raises(SnapshotError, match="cannot follow generation 1"):
        newer_leaves(state, table, 1, 2)


def test_a_writer_that_starts_again_puts_a_whole(state: StateFolder, follower) -> None:
    writer, made, table = follower
    writer.put_leaves(many_with_down(made, "192.0.2.5"))
    again = SnapshotWriter(state)
    assert again.put_base(made.base, many_with_down(made, "192.0.2.6")) == 3
    assert files(state) == ["base-1.snap", "leaves-1.snap"]
    newer = newer_leaves(state, table, 1, 3)
    assert [served(newer, f"n{n}") for n in (5, 6)] == [{"192.0.2.5", "198.51.100.5"}, {"198.51.100.6"}]


def test_a_write_that_failed_is_made_up_for_by_the_next(state: StateFolder, follower) -> None:
    writer, made, table = follower
    blocked = state.path / ".change-1-1.snap.tmp"
    blocked.mkdir()
    with pytest.raises(StateError):
        writer.put_leaves(many_with_down(made, "192.0.2.5"))
    blocked.rmdir()
    assert writer.put_leaves(many_with_down(made, "192.0.2.5", "192.0.2.6")) == 3
    newer = newer_leaves(state, table, 1, 3)
    assert [served(newer, f"n{n}") for n in (5, 6)] == [{"198.51.100.5"}, {"198.51.100.6"}]


def test_a_worker_of_the_base_before_reads_nothing_twice(
    state: StateFolder, follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, _, table = follower
    other = numbered(1)
    assert writer.put_base(other.base, other.leaves) == 2
    monkeypatch.setattr(state, "read_leaves", lambda _: pytest.fail("read the whole"))
    assert newer_leaves(state, table, 1, 2) is table
