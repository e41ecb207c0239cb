"""Examples for the name servers' own addresses: their syntax by the daemons' own word, and who is announced when."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.kit import STEADY, Node, eventually

DEPLOY = ROOT / "deploy"
SERVING = DEPLOY / "serving"
ZONE = "gslb.example.com"
PREFIX = "192.0.2.53/32"
INSTALLED = "/opt/gslb/bin/serving"


def run(*argv: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """What a program says."""
    return subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=30, **options)


def adapted(source: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    """A copy of an example with the script where it is here."""
    script = folder / "serving"
    shutil.copy(SERVING, script)
    text = source.read_text()
    assert INSTALLED in text or source.name == "bird.conf"
    for old, new in ((INSTALLED, str(script)), *changes):
        text = text.replace(old, new)
    copy = folder / source.name
    copy.write_text(text)
    return copy


def test_bird_accepts_its_example(need: Callable[[str], str], tmp_path: Path) -> None:
    copy = adapted(DEPLOY / "bird/bird.conf", tmp_path)
    done = run(need("bird"), "-p", "-c", copy)
    assert done.returncode == 0, done.stderr
    copy.write_text(copy.read_text().replace("hold time", "hold tome"))
    assert run(need("bird"), "-p", "-c", copy).returncode == 1


def test_exabgp_accepts_its_example(need: Callable[[str], str], tmp_path: Path) -> None:
    copy = adapted(DEPLOY / "exabgp/exabgp.conf", tmp_path)
    done = run(need("exabgp"), "--test", copy, cwd=tmp_path)
    assert "error" not in done.stdout + done.stderr, done.stdout + done.stderr
    copy.write_text(copy.read_text().replace("hold-time", "hold-tome"))
    done = run(need("exabgp"), "--test", copy, cwd=tmp_path)
    assert "error" in done.stdout + done.stderr


def test_keepalived_accepts_its_example(need: Callable[[str], str], tmp_path: Path) -> None:
    """On an eth0 of its own. `-t` of 2.2.7 ends itself where the script's user is not its own, so here it is."""
    source = DEPLOY / "keepalived/keepalived.conf"
    copy = adapted(source, tmp_path, ("script_user nobody", "script_user root"))
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    keepalived = need("keepalived")
    script = f"ip link add eth0 type veth peer name eth1 && ip link set eth0 up && {keepalived} -t -l -n -f {copy}"
    done = run(need("unshare"), "-rn", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    copy.write_text(copy.read_text().replace("virtual_router_id 53", "virtual_router_id 530"))
    assert run(need("unshare"), "-rn", "sh", "-c", script).returncode != 0


def test_every_example_asks_the_script_and_nobody_asks_for_fresh() -> None:
    for place in ("keepalived/keepalived.conf", "exabgp/exabgp.conf", "bird/gslb-bird.service"):
        (command,) = [line for line in (DEPLOY / place).read_text().splitlines() if INSTALLED in line]
        assert f"--zone {ZONE}" in command
    code = SERVING.read_text().partition('"""')[2].partition('"""')[2]
    assert "fresh" not in code


@pytest.fixture
def node(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Node]:
    made = Node(tmp_path, free_port(), free_port()).write()
    yield made
    made.stop()


def command(node: Node, *more: str) -> list[str]:
    """The script for a node."""
    places = ["--api", f"http://127.0.0.1:{node.api}", "--port", str(node.dns), "--zone", ZONE]
    return [sys.executable, str(SERVING), *places, *more]


def serving(node: Node) -> bool:
    """What the script says once."""
    code = run(*command(node, "--once")).returncode
    assert code in (0, 1)
    return code == 0


@pytest.mark.e2e
def test_a_node_through_its_life(node: Node) -> None:
    assert not serving(node)
    node.start().ready()
    assert serving(node)
    assert node.verb("withdraw", "--reason", "maintenance").returncode == 0
    assert not serving(node)
    assert node.verb("restore").returncode == 0
    assert serving(node)
    node.run()["control"][0].send(signal.SIGSTOP)  # the API is silent, and answers are as they were
    assert serving(node)
    node.run()["control"][0].send(signal.SIGCONT)
    node.stop()
    assert not serving(node)


@pytest.mark.e2e
def test_old_health_withdraws_nothing(node: Node, free_port: Callable[[], int]) -> None:
    """The first probe after a restart hangs: until its verdict, answers are by what was known before."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        monitor = f"monitors:\n  slow: {{type: http, port: {port}, path: /, interval: 20s, timeout: 10s}}\n"
        zone = STEADY.replace("pools:\n  web:\n", f"{monitor}pools:\n  web:\n    monitors: [slow]\n")
        zone = zone.replace("192.0.2.10", "127.0.0.1").replace("198.51.100.10", "127.0.0.2")
        node.start().ready()
        node.stop()
        node.write(zone).start()
        eventually(lambda: answered(node) and not node.call("GET", "/readyz").body["fresh"])
        assert serving(node)


def answered(node: Node) -> bool:
    """Whether the API is there and the node serves."""
    try:
        return bool(node.call("GET", "/readyz").body["serving"])
    except OSError:
        return False


@pytest.mark.e2e
def test_other_zones_are_not_enough(node: Node) -> None:
    node.start().ready()
    argv = [word if word != ZONE else "example.net" for word in command(node, "--once")]
    assert run(*argv).returncode == 1


class Announcer:
    """The script as ExaBGP runs it."""

    def __init__(self, argv: list[str]) -> None:
        self.said: list[str] = []
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(5)
        self._thread.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.mark.e2e
def test_exabgp_hears_of_changes_alone(node: Node) -> None:
    up, down = f"announce route {PREFIX} next-hop self", f"withdraw route {PREFIX} next-hop self"
    announcer = Announcer(command(node, "--exabgp", PREFIX, "--every", "0.1"))
    try:
        eventually(lambda: announcer.said == [down])
        node.start().ready()
        eventually(lambda: announcer.said == [down, up])
        (control,) = node.run()["control"]
        control.send(signal.SIGKILL)
        eventually(lambda: node.run()["control"] not in ([], [control]) and answered(node), 20)
        assert announcer.said == [down, up]
        node.stop()
        eventually(lambda: announcer.said == [down, up, down])
    finally:
        announcer.end()


@pytest.mark.e2e
def test_bird_has_the_route_while_the_node_serves(node: Node, need: Callable[[str], str], tmp_path: Path) -> None:
    folder = tmp_path / "bird"
    folder.mkdir()
    copy = adapted(DEPLOY / "bird/bird.conf", folder, ("log syslog all", f'log "{folder}/log" all'))
    control, birdc = folder / "ctl", need("birdc")
    (folder / "birdc").write_text(f'#!/bin/sh\nexec {birdc} -s {control} "$@"\n')
    (folder / "birdc").chmod(0o755)
    bird = subprocess.Popen([need("bird"), "-f", "-c", str(copy), "-s", str(control), "-P", str(folder / "pid")])
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    eventually(control.exists)
    script = subprocess.Popen(command(node, "--bird", "gslb", "--every", "0.1"), env=environment)

    def routed() -> bool:
        return PREFIX in run(folder / "birdc", "show", "route").stdout

    try:
        assert not routed()
        node.start().ready()
        eventually(routed)
        assert node.verb("withdraw", "--reason", "maintenance").returncode == 0
        eventually(lambda: not routed())
        assert node.verb("restore").returncode == 0
        eventually(routed)
        node.stop()
        eventually(lambda: not routed())
    finally:
        for process in (script, bird):
            process.terminate()
            process.wait(5)
