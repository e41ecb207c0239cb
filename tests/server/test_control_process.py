"""Real processes as control."""

import logging
import sys
import time
from pathlib import Path

import pytest

from gslb.server import control_process
from gslb.server.control_process import EX_CONFIG, ControlProcess

PATIENT = (
    "import signal, sys, time; time.sleep({delay}); got = []\n"
    "signal.signal(signal.SIGHUP, lambda *_: open({path!r}, 'a').write('hup'))\n"
    "signal.signal(signal.SIGTERM, {term})\n"
    "open({path!r}, 'a').write('ready ')\n"
    "while True: signal.pause()"
)


class Bench:
    def __init__(self, *argv: str) -> None:
        self.changes = 0
        self.control = ControlProcess(argv, changed=self.change)

    def change(self) -> None:
        self.changes += 1

    def step(self) -> bool:
        self.control.step(time.monotonic())
        return True


def test_it_starts_again_what_ends(eventually) -> None:
    bench = Bench("sleep", "60")
    bench.step()
    first = bench.control.identity()
    assert first is not None
    bench.step()
    assert bench.control.identity() == first
    bench.control.terminate()
    eventually(lambda: bench.step() and bench.control.identity() not in (None, first))
    assert bench.changes == 3
    bench.control.terminate()
    bench.control.wait()
    assert bench.control.identity() is None
    bench.control.wait()


def test_bad_configuration_is_told_and_tried_ever_more_rarely(eventually, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(sys.executable, "-c", f"raise SystemExit({EX_CONFIG})")
    with caplog.at_level(logging.WARNING):
        eventually(lambda: bench.step() and bench.changes >= 4)
    assert bench.control.exit_code == EX_CONFIG
    assert "exit code 78" in caplog.text
    begun = time.monotonic()
    eventually(lambda: bench.step() and bench.changes >= 6)
    assert time.monotonic() - begun > 0.1
    bench.control.terminate()
    bench.control.wait()


def test_a_reload_waits_until_it_is_heard(tmp_path: Path, eventually) -> None:
    path = tmp_path / "got"
    bench = Bench(sys.executable, "-c", PATIENT.format(delay=0.3, path=str(path), term="signal.SIG_DFL"))
    bench.control.reload()
    eventually(lambda: bench.step() and path.exists() and "hup" in path.read_text())
    assert bench.changes == 1  # the signal did not end it
    bench.step()
    bench.control.terminate()
    bench.control.wait()
    assert path.read_text().count("hup") == 1


def test_who_does_not_end_is_ended(tmp_path: Path, eventually, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_process, "_GRACE", 0.05)
    path = tmp_path / "got"
    bench = Bench(sys.executable, "-c", PATIENT.format(delay=0, path=str(path), term="signal.SIG_IGN"))
    eventually(lambda: bench.step() and path.exists())
    process = bench.control.identity()
    assert process is not None
    bench.control.terminate()
    bench.control.wait()
    assert not process.alive()
