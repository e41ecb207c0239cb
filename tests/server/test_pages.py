"""Shared memory between real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from gslb.server.pages import EMPTY, PAGE, RETIRING, SERVING, SLOTS, Pages, fits
from gslb.server.processes import ProcessId
from gslb.server.stats import COUNTER_NAMES
from tests.conftest import ENVIRONMENT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pages"


def test_another_process_sees_what_is_written(path: Path) -> None:
    pages = Pages(path)
    pages.control.leaves_generation = 2**63 + 5
    code = (
        "import sys; from pathlib import Path; from gslb.server.pages import Pages\n"
        "pages = Pages(Path(sys.argv[1])); page = pages.slots[7]\n"
        "page.pid = pages.control.leaves_generation; page.state = 2; page.counters = range(5); page.beat()"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True, env=ENVIRONMENT)
    assert [(slot, page.pid) for slot, page in pages.used()] == [(7, 2**63 + 5)]
    assert pages.slots[7].counters[:6] == [0, 1, 2, 3, 4, 0]
    assert pages.slots[7].heartbeat > 0
    assert path.stat().st_size == PAGE * (SLOTS + 1)
    pages.close()


def test_the_file_outlives_its_users(path: Path) -> None:
    first = Pages(path)
    first.control.base_generation = 9
    first.close()
    second = Pages(path)
    assert second.control.base_generation == 9
    second.close()


@pytest.mark.parametrize("foreign", [b"", b"something else", bytes(PAGE), b"x" * PAGE * (SLOTS + 1)])
def test_a_foreign_file_is_replaced_not_resized(path: Path, foreign: bytes) -> None:
    path.write_bytes(foreign)
    inode = path.stat().st_ino
    pages = Pages(path)
    assert path.stat().st_ino != inode
    assert pages.control.base_generation == 0
    pages.close()


def test_counters_of_the_gone_live_on_in_the_totals(path: Path) -> None:
    pages = Pages(path)
    for slot, sent in ((0, 5), (1, 7)):
        page = pages.slots[slot]
        page.state = SERVING
        page.counters = [sent if name in ("udp_sent", "tcp_open") else 0 for name in COUNTER_NAMES]
    pages.retire(0)
    pages.retire(2)  # never used
    assert pages.slots[0].state == EMPTY
    assert pages.slots[0].counters == [0] * len(COUNTER_NAMES)
    assert (pages.totals()["udp_sent"], pages.totals()["tcp_open"]) == (12, 7)
    pages.close()


def test_only_the_living_can_answer(path: Path) -> None:
    pages = Pages(path)
    me = ProcessId.me()
    for slot, state, pid, start in (
        (0, SERVING, *me),
        (1, RETIRING, *me),
        (2, SERVING, me.pid, me.start + 1),
        (3, 1, *me),
    ):
        page = pages.slots[slot]
        page.state, page.pid, page.start = state, pid, start
    assert [page.state for page in pages.answering()] == [SERVING, RETIRING]
    assert pages.slots[0].process == me
    pages.close()


def test_whether_a_file_fits(path: Path) -> None:
    assert not fits(path)
    Pages(path).close()
    assert fits(path)
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    assert not fits(path)
