"""Tables to disk and back; damaged ones are passed over."""

import logging
from pathlib import Path

import pytest

from gslb.errors import SnapshotError
from gslb.server.snapshots import SnapshotWriter, load_current_leaves, load_newest
from gslb.server.state import StateFolder
from gslb.table.snapshot import dump_base, dump_leaves
from tests.server.stand_in import OSAKA, TOKYO, numbered, with_down
from tests.support import addresses, ask, context, query


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
        load_current_leaves(state, one.base, 1)
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
        table, leaves = load_current_leaves(state, made.base, generation)
        assert leaves == 3
        assert addresses(ask(context(table), query("www"))) == [OSAKA]
