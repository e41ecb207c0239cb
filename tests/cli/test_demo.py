"""The demo as a person runs it: start, ask, break, mend, drain, Ctrl-C, and nothing left."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import dns.message
import dns.query
import dns.rcode
import pytest

from gslb.cli.main import main
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
TOKYO, OSAKA = "127.0.0.11", "127.0.0.12"
BOUND = 3.2 + 0.3  # fall x interval + jitter + timeout + 0.5 s of the demo's monitors, and the time to look


class Demo(NamedTuple):
    process: subprocess.Popen[bytes]
    folder: Path
    dns: int
    api: int
    site: int

    def ask(self, name: str = "zabbix", *, tcp: bool = False) -> set[str]:
        """The addresses that one query brings."""
        query = dns.message.make_query(f"{name}.gslb.example.com", "A")
        send = dns.query.tcp if tcp else dns.query.udp
        reply = send(query, "127.0.0.1", port=self.dns, timeout=3)
        assert reply.rcode() == dns.rcode.NOERROR
        assert reply.answer, "an empty answer"
        return {str(item) for item in reply.answer[0]}

    def seen(self, name: str = "zabbix", count: int = 40) -> set[str]:
        """The addresses that many queries bring, over UDP and TCP; 40 miss the rarer site once in 10^9."""
        return set().union(*(self.ask(name, tcp=turn % 4 == 0) for turn in range(count)))

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def live(self) -> int:
        """How many members of all pools the node takes for alive."""
        return sum(pool["live"] for pool in json.loads(self.gslb("status", "--json").stdout)["pools"])

    def gslb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "gslb.cli.main", *arguments]
        return subprocess.run(argv, cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=30)


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "GSLB_CONFIG"} | {"PYTHONPATH": str(ROOT)}


def launch(folder: Path, ports: tuple[int, int, int]) -> Demo:
    options = [f"--{name}-port={port}" for name, port in zip(("dns", "api", "site"), ports, strict=True)]
    argv = [sys.executable, "-m", "gslb.cli.main", "demo", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, env=environment(), stdout=log, stderr=log)
    return Demo(process, folder, *ports)


def processes_of(folder: Path) -> list[str]:
    """Command lines of every process that belongs to the demo in this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str((entry / "cwd").readlink()).startswith(str(folder)):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def start(eventually: Callable[..., None]) -> Iterator[Callable[..., Demo]]:
    """`start(folder, ports)` starts a demo and waits until it runs or has ended; none outlives this file's tests."""
    started: list[Demo] = []

    def begin(folder: Path, ports: tuple[int, int, int]) -> Demo:
        running = launch(folder, ports)
        started.append(running)
        eventually(lambda: running.process.poll() is not None or "Ctrl-C ends" in running.log(), 30)
        return running

    yield begin
    for running in started:
        running.process.send_signal(signal.SIGTERM)
    for running in started:
        running.process.wait(15)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, start: Callable[..., Demo]) -> Demo:
    running = start(tmp_path_factory.mktemp("demo"), free_ports())
    assert running.process.poll() is None, running.log()
    return running


def free_ports() -> tuple[int, int, int]:
    return free_port(), free_port(), free_port()


@pytest.mark.e2e
def test_it_prints_what_to_try_and_all_of_it_works(demo: Demo) -> None:
    text = demo.log()
    assert f"dig @127.0.0.1 -p {demo.dns} zabbix.gslb.example.com" in text
    for word in (
        "demo break tokyo",
        "demo mend tokyo",
        "drain site/osaka --for 10m --reason test",
        "status",
        "explain",
    ):
        assert word in text
    assert demo.gslb("status").returncode == 0
    assert "60.0%" in demo.gslb("explain", "zabbix.gslb.example.com", "A", "--client", "203.0.113.7").stdout


@pytest.mark.e2e
def test_both_sites_answer_60_to_40(demo: Demo) -> None:
    """10,000 queries within two points; one in 20,000 such runs would fall outside by chance."""
    query = dns.message.make_query("zabbix.gslb.example.com", "A").to_wire()
    counted: Counter[bytes] = Counter()
    for _socket in range(4):  # sockets that the kernel spreads over the workers
        with socket.socket(type=socket.SOCK_DGRAM) as link:
            link.settimeout(3)
            link.connect(("127.0.0.1", demo.dns))
            for _ in range(2500):
                link.send(query)
                reply = link.recv(512)
                counted[dns.message.from_wire(reply).answer[0][0].address.encode()] += 1
    assert counted.total() == 10_000
    assert counted[TOKYO.encode()] / 10_000 == pytest.approx(0.6, abs=0.02)
    assert counted.keys() == {TOKYO.encode(), OSAKA.encode()}


@pytest.mark.e2e
@pytest.mark.parametrize("how", ["refuse", "error", "hang"])
def test_a_broken_site_leaves_the_answers_and_returns(how: str, demo: Demo, eventually: Callable[..., None]) -> None:
    assert demo.seen() == {TOKYO, OSAKA}
    done = demo.gslb("demo", "break", "tokyo", "--how", how)
    broken = time.monotonic()
    assert (done.returncode, done.stdout) == (0, f"Tokyo is broken ({how})\n")
    eventually(lambda: demo.seen() == {OSAKA}, BOUND)
    # www has a monitor of its own, whose probes come at their own times; it looks at the status alone
    expected = {TOKYO} if how == "error" else {OSAKA}
    eventually(lambda: demo.seen("www") == expected, max(0.5, broken + BOUND - time.monotonic()))
    assert demo.gslb("demo", "mend", "tokyo").stdout == "Tokyo is mended\n"
    eventually(lambda: demo.seen() == {TOKYO, OSAKA}, 6)


@pytest.mark.e2e
def test_with_both_broken_the_configured_addresses_are_served(demo: Demo, eventually: Callable[..., None]) -> None:
    for site in ("tokyo", "osaka"):
        demo.gslb("demo", "break", site)
    eventually(lambda: demo.live() == 0, BOUND + 3)
    assert demo.gslb("status").returncode == 1
    assert demo.seen() == {TOKYO, OSAKA}
    for site in ("tokyo", "osaka"):
        demo.gslb("demo", "mend", site)
    eventually(lambda: demo.live() == 8, 8)
    assert demo.gslb("status").returncode == 0


@pytest.mark.e2e
def test_a_drain_holds_when_the_command_returns(demo: Demo) -> None:
    assert demo.gslb("drain", "site/osaka", "--for", "10m", "--reason", "test").returncode == 0
    assert demo.seen() == {TOKYO}
    assert demo.gslb("undrain", "site/osaka").returncode == 0
    assert demo.seen() == {TOKYO, OSAKA}


@pytest.mark.e2e
def test_a_second_demo_is_refused(demo: Demo, tmp_path: Path, start: Callable[..., Demo]) -> None:
    here = demo.gslb("demo")
    assert here.returncode == 1
    assert "already runs in" in here.stderr
    elsewhere = start(tmp_path, (demo.dns, demo.api, demo.site))
    assert elsewhere.process.returncode == 1
    for place in (f"127.0.0.1:{demo.dns}/udp", f"127.0.0.1:{demo.api}/tcp", f"{TOKYO}:{demo.site}/tcp"):
        assert place in elsewhere.log()
    assert not (tmp_path / ".demo").exists()
    assert demo.seen() == {TOKYO, OSAKA}


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_and_leaves_nothing(number: signal.Signals, tmp_path: Path, start: Callable[..., Demo]) -> None:
    running = start(tmp_path, free_ports())
    assert len(processes_of(tmp_path)) >= 4, "the demo, a supervisor, a control process, two workers"
    running.process.send_signal(number)
    assert running.process.wait(15) == 0
    assert processes_of(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log"]


@pytest.mark.e2e
def test_a_killed_demo_is_cleaned_up_by_the_next(tmp_path: Path, start: Callable[..., Demo]) -> None:
    ports = free_ports()
    first = start(tmp_path, ports)
    first.process.kill()
    first.process.wait()
    assert len(processes_of(tmp_path)) >= 3
    second = start(tmp_path, ports)
    assert second.seen() == {TOKYO, OSAKA}
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(15) == 0
    assert processes_of(tmp_path) == []


def test_break_without_a_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "break", "tokyo"]) == 1
    assert "no demo runs in this folder" in capsys.readouterr().err
    assert main(["demo", "mend", "osaka"]) == 1
