"""The smoke tests themselves, against a node that serves the example zones, and against one that is not well."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "tests" / "smoke" / "smoke.py"
NODE_FILE = """\
node: {{name: smoke, site: tokyo}}
listen: {{dns: ['127.0.0.1:{port}']}}
workers: 0
zones: zones/
state: state/
startup_wait: 1s
"""


def smoke(port: int, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(SCRIPT), "--server", "127.0.0.1", "--port", str(port), *options]
    return subprocess.run(argv, capture_output=True, text=True, timeout=100)


def takes_connections(port: int) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


def copy_zones(target: Path) -> None:
    """The example zones without their monitors: nothing is probed, so nothing leaves this machine."""
    shutil.copytree(ROOT / "zones", target)
    for path in target.glob("*.yaml"):
        path.write_text(re.sub(r"^    monitors: .*\n", "", path.read_text(), flags=re.MULTILINE))


@pytest.mark.e2e
def test_the_example_zones_are_well(need, tmp_path: Path, start_gslb, free_port, eventually) -> None:
    need("dig")
    port = free_port()
    copy_zones(tmp_path / "zones")
    (tmp_path / "gslb.yaml").write_text(NODE_FILE.format(port=port))
    start_gslb("serve", "--config", str(tmp_path / "gslb.yaml"))
    eventually(lambda: takes_connections(port), 20)
    eventually(lambda: "ok    dynamic name:" in smoke(port, "--zone", "example.com").stdout, 10)
    done = smoke(port, "--zone", "example.com")
    assert (done.returncode, done.stdout.count("ok  ")) == (0, 24), done.stdout
    assert "FAIL" not in done.stdout
    assert "skip" not in done.stdout
    done = smoke(port, "--zone", "gslb.example.com")
    assert (done.returncode, done.stdout.count("ok  "), done.stdout.count("skip  ")) == (0, 21, 3), done.stdout


@pytest.mark.e2e
def test_a_node_that_does_not_answer_fails_every_check(need, free_port) -> None:
    need("dig")
    done = smoke(free_port(), "--zone", "example.org", "--timeout", "1")
    assert done.returncode == 1
    assert "ok  " not in done.stdout
    assert "FAIL  SOA (dig example.org SOA): expected NOERROR aa SOA; found no reply" in done.stdout
    assert "skip  wildcard: say which, --wildcard LABEL" in done.stdout
