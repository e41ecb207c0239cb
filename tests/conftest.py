"""Shared by every test: tools that may be missing, free ports, and nodes that really run.

A test that lacks a tool is skipped loudly. With CI=true a skip is a failure, since nobody reads CI's skips.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

IN_CI = os.environ.get("CI") == "true"
PACKAGES = {
    "dig": "bind9-dnsutils",
    "etcd": "etcd-server",
    "etcdctl": "etcd-client",
    "ip": "iproute2",
    "knotd": "knot",
    "nft": "nftables",
    "nsd": "nsd",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
    "unbound": "unbound",
}
ROOT = Path(__file__).parent.parent
LONGEST = (  # files with which processes that share the tests begin: what begins last keeps all waiting
    "simulation/test_storms.py",
    "e2e/test_reloads.py",
    "e2e/test_trials.py",
    "simulation/test_deaths.py",
    "e2e/test_chaos.py",
    "fuzz/test_respond.py",
    "e2e/test_drains.py",
    "simulation/test_votes.py",
    "e2e/test_failover.py",
    "differential/test_static.py",
    "deploy/test_push_zones.py",
    "simulation/test_answers.py",
    "probe/test_icmp.py",
    "cli/test_demo.py",
    "store/test_writer.py",
    "e2e/test_tutorial.py",
    "e2e/test_upgrade.py",
    "server/test_tcp_hostile.py",
    "resolver/test_unbound.py",
    "probe/test_postgres.py",
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}  # so that this tree is tested from any folder


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """`need("dig")` returns the tool's path, or skips the test and says what to install."""

    def find(tool: str) -> str:
        path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
        if path is None:
            pytest.skip(f"{tool} is not installed: apt-get install {PACKAGES.get(tool, tool)}")
        return path

    return find


@pytest.fixture(name="free_port")
def _free_port() -> Callable[[], int]:
    """`free_port()` returns a port of 127.0.0.1 that is free for UDP and TCP, and not handed out before."""
    return free_port


@pytest.fixture
def run_gslb() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_gslb("check", "--config", path)` runs the command line in a process of its own, to its end."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "gslb.cli.main", *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, **options)

    return run


@pytest.fixture
def start_gslb(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`start_gslb("serve", "--config", path)` runs until the test ends; its messages are in `tmp_path/gslb-N.log`."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "gslb.cli.main", *arguments]
        with (tmp_path / f"gslb-{len(started)}.log").open("w") as log:
            process = subprocess.Popen(
                argv, stdout=log, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT, **options
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """`eventually(condition, seconds)` returns as soon as condition() is true, and fails the test when time is up."""

    def wait(condition: Callable[[], object], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not true within {seconds} s"
            time.sleep(0.02)

    return wait


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the soak tests unless `-m` asks for them; where processes share the tests, LONGEST come first."""
    if hasattr(config, "workerinput"):
        places = {str(ROOT / "tests" / name): place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: places.get(str(item.path), len(LONGEST)))
    if "soak" in (config.option.markexpr or ""):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn a skipped test into a failed one where CI=true."""
    report = yield
    return skip_is_failure(report) if IN_CI else report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Turn a skipped module into a failed one where CI=true."""
    report = yield
    return skip_is_failure(report) if IN_CI else report


def skip_is_failure(report):
    """The report itself, failed if it was skipped; an expected failure (xfail) stays as it is."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI=true, and this test was skipped: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that something was not tested."""
    skipped = len(terminalreporter.stats.get("skipped", ()))
    if skipped:
        terminalreporter.write_line(
            f"WARNING: {skipped} SKIPPED, NOT TESTED: see the reasons above", red=True, bold=True
        )
