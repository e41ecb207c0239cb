"""The parts of the running demo; tests/cli/test_demo.py runs the whole."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gslb.cli import demo_run
from gslb.cli.demo_files import FOLDER, Ports
from gslb.cli.demo_run import MARK, end_leftovers, own_folder, refuse_taken
from gslb.cli.main import main
from gslb.errors import StateError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(demo_run.__file__).parents[2]))
    return tmp_path


@pytest.fixture
def ports(free_port) -> Ports:
    return Ports(free_port(), free_port(), free_port())


def test_free_ports_are_fine(ports: Ports) -> None:
    refuse_taken(ports)


def test_every_taken_port_is_named(ports: Ports) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as dns, socket.socket() as site:
        dns.bind(("127.0.0.1", ports.dns))
        site.bind(("127.0.0.12", ports.site))
        site.listen()
        with pytest.raises(StateError) as caught:
            refuse_taken(ports)
    message = caught.value.message
    assert f"127.0.0.1:{ports.dns}/udp" in message
    assert f"127.0.0.12:{ports.site}/tcp" in message
    assert "127.0.0.11" not in message
    assert "no other port" in caught.value.hint


def test_a_port_in_time_wait_is_free(ports: Ports) -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", ports.api))
        server.listen()
        client = socket.create_connection(("127.0.0.1", ports.api))
        served, _ = server.accept()
        served.close()
        client.close()
    refuse_taken(ports)


def test_the_folder_is_empty_then_gone() -> None:
    FOLDER.mkdir()
    (FOLDER / "left").touch()
    with own_folder():
        assert list(FOLDER.iterdir()) == []
        (FOLDER / "gslb.yaml").touch()
    assert not FOLDER.exists()


def test_one_demo_in_a_folder(here: Path) -> None:
    with own_folder():
        (FOLDER / "gslb.yaml").touch()
        with pytest.raises(StateError, match="already runs in") as caught, own_folder():
            pass
        assert str(here) in caught.value.message
        assert (FOLDER / "gslb.yaml").exists()


def test_leftovers_of_this_folder_are_ended_and_no_others(here: Path) -> None:
    argv = [
        sys.executable,
        "-c",
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)",
    ]
    marks = [str(here / FOLDER), str(here / FOLDER) + "2"]
    running = [subprocess.Popen(argv, env={**os.environ, MARK: mark}, stdout=subprocess.PIPE) for mark in marks]
    try:
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        end_leftovers()
        assert running[0].wait(5) == -signal.SIGKILL
        assert running[1].poll() is None
    finally:
        for process in running:
            process.kill()
            process.wait()
            process.stdout.close()


class Person(threading.Thread):
    """Someone at another terminal: waits for the demo, breaks and mends a site, and ends the demo."""

    def __init__(self, output: Callable[[], str]) -> None:
        super().__init__()
        self.output = output
        self.codes: list[int] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Every step ends by itself, so that a failed demo is not waited for."""
        while not self.over.wait(0.05):
            if "Ctrl-C ends" in self.output():
                break
        for argv in (["demo", "break", "osaka", "--how", "error"], ["demo", "mend", "osaka"]):
            self.codes.append(main(argv))
        if not self.over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.e2e
def test_the_whole_in_this_process(ports: Ports, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def output() -> str:
        seen.append(capfd.readouterr().out)
        return "".join(seen)

    person = Person(output)
    person.start()
    try:
        options = [f"--{name}-port={port}" for name, port in ports._asdict().items()]
        code = main(["demo", *options])
    finally:
        person.over.set()
        person.join()
    assert (code, person.codes) == (0, [0, 0])
    text = output()
    assert "Osaka is broken (error)" in text
    assert "Osaka is mended" in text
    assert "nothing is left behind" in text
    assert not FOLDER.exists()


@pytest.mark.e2e
def test_a_node_that_cannot_start_ends_the_demo(
    ports: Ports, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_run, "write_files", lambda _: (FOLDER / "gslb.yaml").write_text("nonsense: 1\n"))
    assert main(["demo", *(f"--{name}-port={port}" for name, port in ports._asdict().items())]) == 1
    printed = capfd.readouterr()
    assert "the demo's node ended with exit code 1" in printed.err
    assert "nonsense" in printed.err
    assert not FOLDER.exists()


async def test_a_node_that_is_never_ready_is_told(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_run, "START_LIMIT", 0.1)
    with pytest.raises(StateError, match="not ready after"):
        await demo_run.until_ready(ports.api)
