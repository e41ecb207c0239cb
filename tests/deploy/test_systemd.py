"""The unit, its user and its kernel settings: what systemd's own tools say, and a node under the unit's filter."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.confined import allowed
from tests.e2e.kit import Node, eventually

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "gslb.service"
MOST_EXPOSURE = 1.6


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    """What a program says."""
    return subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=60)


def setting(key: str) -> list[str]:
    """The values of a key of the unit."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.M)


def test_systemd_has_nothing_to_say(need: Callable[[str], str], tmp_path: Path) -> None:
    copy = tmp_path / "gslb.service"
    copy.write_text(UNIT.read_text().replace("/opt/gslb/bin/gslb", sys.executable))
    done = run(need("systemd-analyze"), "verify", "--recursive-errors=no", copy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    copy.write_text(copy.read_text().replace("WatchdogSec=30", "WatchdogSeconds=30"))
    assert "WatchdogSeconds" in run(need("systemd-analyze"), "verify", "--recursive-errors=no", copy).stderr


def test_so_is_the_unit_for_bird(need: Callable[[str], str], tmp_path: Path) -> None:
    copy = tmp_path / "gslb-bird.service"
    text = (DEPLOY / "bird/gslb-bird.service").read_text()
    copy.write_text(text.replace("/opt/gslb/bin/serving", sys.executable).replace("bird.service", "tmp.mount"))
    done = run(need("systemd-analyze"), "verify", "--recursive-errors=no", copy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_exposure_is_low(need: Callable[[str], str]) -> None:
    done = run(need("systemd-analyze"), "security", "--no-pager", "--offline=true", UNIT)
    found = re.search(r"Overall exposure level for gslb.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSURE


def test_port_53_is_all_that_it_may() -> None:
    assert setting("CapabilityBoundingSet") == setting("AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    assert setting("Type") == ["notify"]
    assert setting("StateDirectory") == ["gslb"]


def test_the_user_is_made(need: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    done = run(need("systemd-sysusers"), f"--root={tmp_path}", DEPLOY / "sysusers.d/gslb.conf")
    assert done.returncode == 0, done.stderr
    name, _, uid, _, _, home, shell = (tmp_path / "etc/passwd").read_text().strip().split(":")
    assert (name, home, shell) == ("gslb", "/var/lib/gslb", "/usr/sbin/nologin")
    assert 0 < int(uid) < 1000
    assert setting("User") == setting("Group") == [name]


def test_kernel_settings_are_there() -> None:
    text = (DEPLOY / "sysctl.d/gslb.conf").read_text()
    keys = re.findall(r"^([\w.]+) = ", text, re.M)
    assert len(keys) == 2
    for key in keys:
        assert Path("/proc/sys", *key.split(".")).exists() or key.startswith("net.core")  # those are the host's alone


def test_what_the_filter_leaves(need: Callable[[str], str]) -> None:
    need("systemd-analyze")
    calls = allowed(UNIT.read_text())
    assert {"recvmmsg", "sendmmsg", "execve", "sched_setattr", "setpriority", "flock"} <= calls
    assert not {"mount", "ptrace", "setuid", "chown", "reboot", "bpf", "sched_setscheduler"} & calls


@pytest.mark.e2e
def test_a_node_lives_under_the_filter(need: Callable[[str], str], tmp_path: Path, free_port) -> None:
    """Answers, reloads, upgrades, loses a worker and ends, and the kernel refuses nothing that it misses."""
    need("systemd-analyze")
    node = Node(tmp_path, free_port(), free_port()).write()
    node.program = [sys.executable, "-m", "tests.deploy.confined", str(UNIT), *node.program]
    try:
        node.start().ready()
        (supervisor,) = node.run()["supervisor"]
        status = Path(f"/proc/{supervisor.pid}/status").read_text()
        assert re.search(r"^Seccomp:\s+2$", status, re.M)
        assert os.getpid() != supervisor.pid
        assert len(node.seen()) == 2
        done = node.verb("reload")
        assert done.returncode == 0, done.stderr
        done = node.verb("upgrade")
        assert done.returncode == 0, done.stderr + node.log()
        eventually(node.fresh, 20)
        victim = node.kill("workers")
        eventually(lambda: node.fresh() and victim not in node.run()["workers"], 20)
        assert "error" not in node.log(), node.log()
        assert "Operation not permitted" not in node.log()
    finally:
        node.stop()
