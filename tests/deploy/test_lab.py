"""The Zabbix lab, short: built from nothing, broken in three ways while users look on, and gone without a trace.

It is what `make lab`, `make lab-test` and `make lab-down` run, in a copy of this checkout: those who run PostgreSQL and
the others in it must be able to enter the folder, which a checkout in somebody's home does not let them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.lab.network import standing, tear_down
from deploy.lab.processes import tail
from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SCENARIOS = ("front-end", "site-cut", "drain")
MOST = 360.0  # seconds for all of it
PARTS = ("deploy", "gslb", "tests", "zones")  # of the checkout, that the lab wants
TOOLS = ("etcd", "ip", "named", "nft", "nginx", "pgpool", "php-fpm8.2", "psql", "unbound", "zabbix_server")
NAMES = Path("/run/netns")


class Checkout:
    """A copy of this checkout, whose lab is its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "build/lab"
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part)
        folder.chmod(0o755)

    def lab(self, *arguments: str, seconds: float) -> str:
        """What `python -m deploy.lab` says; it must succeed."""
        argv = [sys.executable, "-m", "deploy.lab", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        with (self.folder / "said").open("w+") as said:
            try:
                done = subprocess.run(
                    argv, cwd=self.folder, stdout=said, stderr=subprocess.STDOUT, env=environment, timeout=seconds
                )
                ended = f"exit status {done.returncode}"
            except subprocess.TimeoutExpired:
                ended = f"not over after {seconds:.0f} s"
            said.seek(0)
            text = said.read()
        print(text)
        assert ended == "exit status 0", f"{' '.join(arguments)}: {ended}\n{text}\n{self._logs()}"
        return text

    def _logs(self) -> str:
        """The ends of all logs: when somebody reads this, the files are gone."""
        return "\n".join(f"--- {log.relative_to(self.files)}\n{tail(log, 12)}" for log in self.files.rglob("*.log"))


@pytest.fixture
def checkout(need: Callable[[str], str]) -> Iterator[Checkout]:
    if os.geteuid():
        pytest.skip("the lab makes network namespaces, which needs root")
    for tool in TOOLS:
        need(tool)
    if there := standing():
        pytest.fail(f"a lab stands on this machine ({there[0]}, ...): `make lab-down` where it belongs, and once more")
    folder = Path(tempfile.mkdtemp(prefix="gslb-lab-"))
    try:
        made = Checkout(folder)
        yield made
        if standing():
            made.lab("down", seconds=90)
    finally:
        tear_down()
        shutil.rmtree(folder)


def inside(networks: set[int]) -> list[str]:
    """The command lines of all processes in these network namespaces."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "ns/net").stat().st_ino in networks:
                found.append((process / "cmdline").read_text().replace("\0", " ") or process.name)
    return found


def test_users_notice_no_more_than_was_promised(checkout: Checkout) -> None:
    begun = time.monotonic()
    checkout.lab("up", seconds=180)
    stands = time.monotonic() - begun
    networks = {(NAMES / name).stat().st_ino for name in standing()}
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
    assert not standing()
    assert not checkout.files.exists()
    assert inside(networks) == []
    assert str(checkout.folder) not in Path("/proc/self/mounts").read_text()
