"""Tables that other versions left: a node answers from them at once, and goes on from there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gslb.server.snapshots import SnapshotWriter, load_newest
from gslb.server.state import StateFolder
from tests.conftest import ENVIRONMENT, ROOT
from tests.next_version import next_version
from tests.server.stand_in import OSAKA, TOKYO, numbered, with_down
from tests.support import addresses, ask, context, query

FORMER = Path(__file__).parent / "former"
_WRITE = """
import sys
from gslb.server.snapshots import SnapshotWriter
from gslb.server.state import StateFolder
from tests.server.stand_in import TOKYO, numbered, with_down
state = StateFolder(sys.argv[1])
writer, made = SnapshotWriter(state), numbered(1)
writer.put_base(made.base, made.leaves)
writer.put_leaves(with_down(made, 1, TOKYO))
state.close()
"""
_READ = """
import sys
from gslb.server.snapshots import load_newest
from gslb.server.state import StateFolder
loaded = load_newest(StateFolder(sys.argv[1]))
print(loaded.base_generation, loaded.leaves_generation)
"""


@pytest.mark.parametrize("lean", [False, True])
@pytest.mark.parametrize("version", [1, 2])
def test_a_table_of_a_former_version_is_served_and_replaced(tmp_path: Path, version: int, lean: bool) -> None:
    """Made by commits 6b11500 (1), the last before format 2, and 797de08 (2)."""
    shutil.copytree(FORMER / f"format-{version}", tmp_path / "state")
    state = StateFolder(tmp_path / "state")
    loaded = load_newest(state, lean=lean)
    assert loaded is not None
    assert (loaded.base_generation, loaded.leaves_generation) == (1, 2)
    ctx = context(loaded.table)
    assert addresses(ask(ctx, query("all"))) == [OSAKA]
    assert addresses(ask(ctx, query("dead"))) == ["192.0.2.40"]
    assert addresses(ask(ctx, query("www"), bytes((198, 18, 0, 1)))) == [OSAKA]
    assert str(ask(ctx, query("foo", "TXT")).answer[0][0]) == '"wild"'
    assert ask(ctx, query("x.sub")).authority
    writer, made = SnapshotWriter(state), numbered(1)
    assert writer.put_base(made.base, made.leaves) == 3
    state.close()


def test_what_a_former_version_left_is_compiled_on(tmp_path: Path) -> None:
    shutil.copytree(FORMER / "format-1", tmp_path / "state")
    loaded = load_newest(StateFolder(tmp_path / "state"))
    assert loaded is not None
    base, good = loaded.table.base, loaded.table.leaves.last_good
    assert good["web"] == {OSAKA, "2001:db8:a::10", "2001:db8:b::10"}
    assert {spec.pools for spec in base.chains} >= {("web",), ("dead",)}
    assert base.pool_maps.keys() == {"near"}


def run(code: str, tree: Path, state: Path) -> str:
    """Let the program in a tree do something with a state folder."""
    env = {**ENVIRONMENT, "PYTHONPATH": f"{tree}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(state)], cwd=tree, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_table_of_the_next_version_is_served_and_ours_by_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newer, folder = next_version(tmp_path / "newer"), tmp_path / "state"
    run(_WRITE, newer, folder)
    assert {path.read_bytes()[8:10] for path in folder.glob("*.snap")} == {b"\2\3"}
    state = StateFolder(folder)
    for lean in (False, True):
        loaded = load_newest(state, lean=lean)
        assert loaded is not None
        assert (loaded.base_generation, loaded.leaves_generation) == (1, 2)
        assert addresses(ask(context(loaded.table), query("www"))) == [OSAKA]
    writer = SnapshotWriter(state)
    made = numbered(1)
    assert writer.put_base(made.base, made.leaves) == 3
    assert writer.put_leaves(with_down(made, 1, TOKYO)) == 4
    state.close()
    assert caplog.text == ""
    assert run(_READ, newer, folder) == "3 4\n"


def test_nobody_serves_a_table_that_is_for_newer_readers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = StateFolder(tmp_path)
    made = numbered(1)
    SnapshotWriter(state).put_base(made.base, made.leaves)
    state.close()
    base = tmp_path / "base-1.snap"
    data = base.read_bytes()
    base.write_bytes(data[:8] + b"\3\3" + data[10:])
    assert load_newest(state) is None
    assert "for readers of format 3 or newer; this one reads 2; the next is made from the configuration" in caplog.text
