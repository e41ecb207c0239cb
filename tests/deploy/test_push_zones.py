"""push-zones as it is, with nodes that really run; ssh is a shell in the folder of the node."""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.conftest import Node, running
from tests.conftest import ENVIRONMENT, ROOT

NAMES = ("tokyo-1", "osaka-1", "nagoya-1")
SSH = """#!/bin/sh
cd {folder}/$1 || exit 255
export GSLB_CONFIG={folder}/$1/gslb.yaml
exec sh -c "$2"
"""


class Push:
    """A zones folder, the nodes that it is pushed to, and the way there."""

    def __init__(self, folder: Path, nodes: dict[str, Node]) -> None:
        self.folder = folder
        self.nodes = nodes
        self.zones = folder / "zones"
        self.zones.mkdir()
        (self.zones / "zone.yaml").write_text((folder / NAMES[0] / "zones/zone.yaml").read_text())
        self._ssh = folder / "ssh"
        self._ssh.write_text(SSH.format(folder=folder))
        self._ssh.chmod(0o755)

    def change(self, old: str, new: str) -> None:
        """Change the folder that is to be pushed."""
        file = self.zones / "zone.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def run(self, *names: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Push it."""
        more = {"SSH": str(self._ssh), "ZONES": "zones", "GSLB": f"{sys.executable} -m gslb.cli.main", "WAIT": "0"}
        argv = [str(ROOT / "deploy/push-zones"), str(self.zones), *(names or NAMES)]
        environment = {**ENVIRONMENT, **more, **settings}
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, env=environment, check=False)

    def ttls(self) -> list[int]:
        """What each node serves."""
        return [ttl(node.api, self.folder / name / "state/token") for name, node in self.nodes.items()]


def ttl(api: int, token: Path) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", api, timeout=5)
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    connection.request("GET", "/api/v1/explain?name=www.gslb.example.com", headers=headers)
    found: int = json.loads(connection.getresponse().read())["ttl"]
    connection.close()
    return found


@pytest.fixture
def push(tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Push]:
    with ExitStack() as stack:
        yield Push(tmp_path, {name: stack.enter_context(running(tmp_path / name, eventually)) for name in NAMES})


def test_all_nodes_serve_what_was_pushed(push: Push) -> None:
    for ttl in ("45", "50"):
        push.change("ttl: 30" if ttl == "45" else "ttl: 45", f"ttl: {ttl}")
        done = push.run(REASON="it's CHG-1")
        assert (done.returncode, done.stderr) == (0, "")
        assert "TTL" in done.stdout
        assert push.ttls() == [int(ttl)] * 3
    folders = sorted(path.name for path in (push.folder / "osaka-1").glob("zones*"))
    assert len(folders) == 3  # the link, what it leads to, and the one before
    assert (push.folder / "osaka-1/zones").is_symlink()
    generations = (push.folder / "osaka-1/state/generations").glob("*/about.json")
    assert {json.loads(path.read_text())["why"] for path in generations} == {"start", "it's CHG-1"}


def test_what_the_plan_says_no_to_goes_nowhere(push: Push) -> None:
    push.change("      www:", "      new:")
    done = push.run()
    assert (done.returncode, push.ttls()) == (1, [30, 30, 30])
    assert "tokyo-1: the plan says no; nothing was changed" in done.stderr
    push.change("      new:", "      www:")
    push.change("weight: 60", "weight: 20")
    assert "moves" in push.run(FAIL_ON="10").stderr
    assert push.run().returncode == 0


def test_a_folder_with_problems_goes_nowhere(push: Push) -> None:
    push.change("weight: 60", "weight: -1")
    done = push.run()
    assert (done.returncode, push.ttls()) == (1, [30, 30, 30])
    assert "zone.yaml:8:" in done.stdout
    assert not (push.folder / "tokyo-1/zones").is_symlink()


def test_a_node_that_cannot_be_reached_stops_it_before_anything_changes(push: Push) -> None:
    push.change("ttl: 30", "ttl: 45")
    done = push.run("tokyo-1", "gone-1", "osaka-1")
    assert (done.returncode, push.ttls()) == (1, [30, 30, 30])
    assert "gone-1: the folder cannot be copied" in done.stderr


def test_what_a_later_node_refuses_stops_there(push: Push) -> None:
    """Its node file forbids what the first one's allows."""
    file = push.folder / "osaka-1/gslb.yaml"
    file.write_text(file.read_text().replace("zones: zones/", "zones: elsewhere/"))
    (push.folder / "osaka-1/elsewhere").mkdir()
    push.change("ttl: 30", "ttl: 45")
    done = push.run()
    assert (done.returncode, push.ttls()) == (1, [45, 30, 30])
    assert "osaka-1: refused; the folder before is in its place again" in done.stderr
    assert (push.folder / "osaka-1/zones/zone.yaml").read_text().count("ttl: 30") == 1


def test_without_arguments_it_says_how(push: Push) -> None:
    done = subprocess.run([str(ROOT / "deploy/push-zones")], capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, "push-zones FOLDER NODE" in done.stderr) == (2, True)
