"""Upgrades under load: another program takes the node over, and every query is answered."""

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.kit import Node, eventually
from tests.e2e.load import Load

pytestmark = pytest.mark.e2e

RATE = 1000.0
PROGRAM = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
with open({ran!r}, "a") as file:
    file.write(f"{version} {{sys.argv[1]}}\\n")
{more}
from gslb.cli.main import main
sys.exit(main())
"""
NO_WORKERS = (
    "import subprocess\nreal = subprocess.Popen\n"
    "def broken(argv, **options):\n"
    "    return real(['false'] if 'gslb.server.process' in argv else argv, **options)\n"
    "subprocess.Popen = broken\n"
)


@pytest.fixture
def node(tmp_path: Path, free_port):
    made = Node(tmp_path, free_port(), free_port()).write()
    made.program = [str(tmp_path / "gslb")]
    install(tmp_path / "gslb", "1.0")
    yield made
    made.stop()


def install(path: Path, version: str, more: str = "") -> None:
    """Put a program at a path by rename, as installers and symbolic links do."""
    new = path.with_suffix(".new")
    new.write_text(
        PROGRAM.format(
            python=sys.executable, root=str(ROOT), version=version, more=more, ran=str(path.with_name("ran"))
        )
    )
    new.chmod(0o755)
    new.rename(path)


def test_an_upgrade_loses_no_query(node: Node) -> None:
    node.start().ready()
    assert node.process is not None
    pid = node.process.pid
    before = set(node.run()["workers"])
    with Load(node.dns, RATE) as load:
        for version in ("2.0", "3.0", "2.0"):  # the last is the way back
            install(node.folder / "gslb", version)
            done = node.verb("upgrade")
            assert done.returncode == 0, done.stderr + node.log()
            assert "upgraded: 2 new workers" in done.stdout
            after = set(node.run()["workers"])
            assert not after & before
            before = after
            eventually(node.fresh, 20)
        time.sleep(0.3)
    asks = load.asks
    assert len(asks) > 3 * RATE
    assert [ask for ask in asks if not ask.answered or ask.retried] == []
    assert node.process.poll() is None
    assert node.process.pid == pid == node.run()["supervisor"][0].pid
    ran = (node.folder / "ran").read_text().split("\n")
    assert ran[:5] == ["1.0 serve", "2.0 upgrade", "2.0 serve", "3.0 upgrade", "3.0 serve"]


def test_a_program_that_refuses_changes_nothing(node: Node) -> None:
    node.start().ready()
    before = set(node.run()["workers"])
    install(node.folder / "gslb", "2.0", more="sys.exit(3)")
    assert node.process is not None
    node.process.send_signal(signal.SIGUSR2)
    eventually(lambda: "the new program refuses (exit code 3)" in node.log())
    assert set(node.run()["workers"]) == before
    assert node.fresh()


def test_a_bad_configuration_is_refused_before_anything_happens(node: Node) -> None:
    node.start().ready()
    node.zone.write_text("zones: 7\n")
    done = node.verb("upgrade")
    assert done.returncode == 1
    assert "zone.yaml:1" in done.stderr
    assert node.fresh()


def test_new_workers_that_do_not_start_leave_the_old_ones_serving(node: Node) -> None:
    node.start().ready()
    before = set(node.run()["workers"])
    install(node.folder / "gslb", "2.0", more=NO_WORKERS)
    assert node.process is not None
    with Load(node.dns, 200.0) as load:
        node.process.send_signal(signal.SIGUSR2)
        eventually(lambda: node.log().count("ended while loading") >= 3, 20)
        assert before <= set(node.run()["workers"])
        install(node.folder / "gslb", "2.1")
    assert [ask for ask in load.asks if not ask.answered or ask.retried] == []
