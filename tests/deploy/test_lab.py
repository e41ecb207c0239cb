"""The Zabbix lab, short: built from nothing, broken in three ways while users look on, and gone without a trace.

It is what `make lab`, `make lab-test` and `make lab-down` run, in a copy of this checkout: those who run PostgreSQL and
the others in it must be able to enter the folder, which a checkout in somebody's home does not let them. It has a
`/run/netns` of its own: a lab that stands here, or what is left of a killed one, is not in its way, nor it in theirs.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from deploy.lab.processes import tail
from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SCENARIOS = ("front-end", "site-cut", "drain")
MOST = 360.0  # seconds for all of it
PARTS = ("deploy", "gslb", "tests", "zones")  # of the checkout, that the lab wants
TOOLS = (
    "etcd",
    "ip",
    "named",
    "nft",
    "nginx",
    "nsenter",
    "pgpool",
    "php-fpm8.2",
    "psql",
    "unbound",
    "unshare",
    "zabbix_server",
)


class Checkout:
    """A copy of this checkout, whose lab is its own; it is seen from outside through `root`."""

    def __init__(self, folder: Path, keeper: int) -> None:
        self.folder = folder
        self.files = folder / "build/lab"
        self.root = Path("/proc", str(keeper), "root")
        self._enter = ["nsenter", f"--mount=/proc/{keeper}/ns/mnt", "sh", "-c", 'cd "$0" && exec "$@"', str(folder)]
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part)
        folder.chmod(0o755)

    def lab(self, *arguments: str, seconds: float) -> str:
        """What `python -m deploy.lab` says; it must succeed."""
        with (self.folder / "said").open("w+") as said:
            try:
                done = self._python("-m", "deploy.lab", *arguments, said=said, seconds=seconds)
                ended = f"exit status {done.returncode}"
            except subprocess.TimeoutExpired:
                ended = f"not over after {seconds:.0f} s"
            said.seek(0)
            text = said.read()
        print(text)
        assert ended == "exit status 0", f"{' '.join(arguments)}: {ended}\n{text}\n{self._logs()}"
        return text

    def end(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self.standing():
            self._python("-c", "from deploy.lab.network import tear_down; tear_down()", seconds=90)

    def _python(self, *arguments: str, seconds: float, said: IO[str] | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [*self._enter, sys.executable, *arguments]
        return subprocess.run(argv, stdout=said, stderr=subprocess.STDOUT, text=True, env=environment, timeout=seconds)

    def standing(self) -> list[Path]:
        """The lab's namespaces."""
        return sorted((self.root / "run/netns").iterdir())

    def _logs(self) -> str:
        """The ends of all logs: when somebody reads this, the files are gone."""
        return "\n".join(f"--- {log.relative_to(self.files)}\n{tail(log, 12)}" for log in self.files.rglob("*.log"))


@contextmanager
def own_names() -> Iterator[int]:
    """The pid of a process that keeps a mount namespace with an empty /run/netns, as long as this one lives."""
    script = "mkdir -p /run/netns && mount -t tmpfs none /run/netns && echo kept && exec cat"
    argv = ["unshare", "--mount", "sh", "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"kept\n"
        yield keeper.pid


@pytest.fixture
def checkout(need: Callable[[str], str]) -> Iterator[Checkout]:
    if os.geteuid():
        pytest.skip("the lab makes network namespaces, which needs root")
    for tool in TOOLS:
        need(tool)
    folder = Path(tempfile.mkdtemp(prefix="gslb-lab-"))
    try:
        with own_names() as keeper:
            made = Checkout(folder, keeper)
            try:
                yield made
                if made.standing():
                    made.lab("down", seconds=90)
            finally:
                made.end()
    finally:
        shutil.rmtree(folder)


def shared_memory() -> set[str]:
    """The ids of the machine's segments of a megabyte and more: what Pgpool takes, and leaves where it is killed."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return {row[1] for row in rows if int(row[3]) >= 1 << 20}


def inside(networks: set[int]) -> list[str]:
    """The command lines of all processes in these network namespaces."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "ns/net").stat().st_ino in networks:
                found.append((process / "cmdline").read_text().replace("\0", " ") or process.name)
    return found


def test_users_notice_no_more_than_was_promised(checkout: Checkout) -> None:
    segments = shared_memory()
    begun = time.monotonic()
    checkout.lab("up", seconds=180)
    stands = time.monotonic() - begun
    networks = {name.stat().st_ino for name in checkout.standing()}
    assert inside(networks)
    checkout.lab("test", *SCENARIOS, seconds=MOST)
    outcomes = json.loads((checkout.files / "outcomes.json").read_text())
    tested = time.monotonic() - begun
    checkout.lab("down", seconds=90)
    took = time.monotonic() - begun
    print(f"the lab stood after {stands:.0f} s, was tested after {tested:.0f} s, was gone after {took:.0f} s")
    assert [outcome["name"] for outcome in outcomes] == list(SCENARIOS)
    assert [outcome["faults"] for outcome in outcomes] == [[]] * len(SCENARIOS)
    assert all(outcome["counts"]["requests"] for outcome in outcomes)
    assert took <= MOST
    assert not checkout.standing()
    assert not checkout.files.exists()
    assert inside(networks) == []
    assert shared_memory() <= segments
    assert str(checkout.folder) not in checkout.root.with_name("mounts").read_text()
