"""What is kept of a running node, and what it knows again after everything was lost."""

import json
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.kit import SITES, Deployment, run
from tests.e2e.kit import OSAKA, TOKYO, Node, eventually

BACKUP = ROOT / "deploy/backup"

pytestmark = pytest.mark.e2e


def backup(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BACKUP), *map(str, arguments)], capture_output=True, text=True, timeout=30
    )


@pytest.fixture
def node(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Node]:
    made = Node(tmp_path, free_port(), free_port()).write()
    yield made
    made.stop()


def test_a_node_that_lost_everything(node: Node, tmp_path: Path) -> None:
    node.start().ready()
    done = node.verb("drain", "site/tokyo", "--for", "1h", "--reason", "CHG-1042")
    assert done.returncode == 0, done.stderr
    archive = tmp_path / "kept.tar"
    saved = backup("save", node.state, archive)  # while it runs
    assert saved.returncode == 0, saved.stderr
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    token = (node.state / "token").read_text()
    digest = node.status()["config"]["digest"]
    node.stop()
    node.state.rename(tmp_path / "lost")

    restored = backup("restore", archive, node.state)
    assert restored.returncode == 0, restored.stderr
    assert stat.S_IMODE((node.state / "token").stat().st_mode) == 0o600
    node.start().ready()
    eventually(lambda: node.seen() == {OSAKA})
    assert TOKYO not in node.seen()
    assert (node.state / "token").read_text() == token
    assert node.status()["config"]["digest"] == digest
    audit = json.loads(node.verb("audit", "--json").stdout)
    assert "CHG-1042" in json.dumps(audit)
    assert node.verb("undrain", "site/tokyo").returncode == 0
    eventually(lambda: node.seen() == {OSAKA, TOKYO})


def test_nothing_is_overwritten(node: Node, tmp_path: Path) -> None:
    node.start().ready()
    archive = tmp_path / "kept.tar"
    assert backup("save", node.state, archive).returncode == 0
    again = backup("save", node.state, archive)
    assert (again.returncode, "exists" in again.stderr) == (1, True)
    refused = backup("restore", archive, node.state)
    assert refused.returncode == 1
    assert "already" in refused.stderr


def test_other_archives_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "other.tar"
    (tmp_path / "run.json").write_text("{}")
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "run.json", "run.json")
    refused = backup("restore", archive, tmp_path / "state")
    assert refused.returncode == 1
    assert "no archive of a node" in refused.stderr
    assert list((tmp_path / "state").iterdir()) == []


def test_how_it_is_called() -> None:
    assert backup("save").returncode == 2
    assert backup("save", "/nowhere/at/all", "/nowhere/archive").returncode == 1


async def test_etcd_after_all_members_were_lost(need: Callable[[str], str], tmp_path: Path) -> None:
    """With the commands of docs/upgrades.md, on members with the settings of deploy/etcd."""
    deployment = Deployment(need, tmp_path)
    place = deployment.tls / "people"
    tls = ("--cacert", place / "ca.pem", "--cert", place / "client.pem", "--key", place / "client.key")
    snapshot = tmp_path / "etcd.db"

    def etcdctl(*arguments: str | Path) -> str:
        return run("etcdctl", "--endpoints", deployment.url("tokyo"), *tls, *arguments)

    try:
        await deployment.start(*SITES)
        etcdctl("put", "/gslb/kept", "by night")
        etcdctl("snapshot", "save", snapshot)
        etcdctl("put", "/gslb/kept", "too late")
        deployment.lose()
        (tmp_path / "data").mkdir()
        peers = {site: deployment.url(site, 2380) for site in SITES}
        cluster = ",".join(f"{site}={peer}" for site, peer in peers.items())
        for site, peer in peers.items():
            own = ("--name", site, "--data-dir", tmp_path / "data" / site, "--initial-advertise-peer-urls", peer)
            run("etcdctl", "snapshot", "restore", snapshot, *own, "--initial-cluster", cluster)
        await deployment.start(*SITES)
        assert etcdctl("get", "--print-value-only", "/gslb/kept") == "by night\n"
        assert etcdctl("member", "list").count("started") == 3
    finally:
        deployment.stop()
