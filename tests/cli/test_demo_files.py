"""The demo's files are a good configuration."""

from pathlib import Path

import pytest

from gslb.cli.demo_files import FOLDER, NODE_FILE, Ports, empty_folder, write_files
from gslb.config.check import warnings
from tests.loading import load


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_they_are_right_and_say_what_is_asked_for() -> None:
    empty_folder()
    write_files(Ports(dns=5301, api=8054, site=8081))
    config = load(str(NODE_FILE))
    assert config.node.dns == (("127.0.0.1", 5301),)
    assert config.node.api == ("127.0.0.1", 8054)
    assert config.node.workers == 2
    assert {monitor.port for monitor in config.monitors.values()} == {8081}
    assert max(monitor.detection for monitor in config.monitors.values()) <= 2.6
    members = {member.name: member.weight for member in config.pools["zabbix-web"].members}
    assert members == {"tokyo": 60, "osaka": 40}
    assert [str(note) for note in warnings(config)] == []


def test_empty_folder_removes_everything_and_follows_no_link() -> None:
    Path("kept").mkdir()
    Path("kept/file").touch()
    empty_folder()
    (FOLDER / "state").mkdir()
    (FOLDER / "state" / "x").touch()
    (FOLDER / "link").symlink_to(Path("kept").absolute())
    (FOLDER / "file").touch()
    empty_folder()
    assert list(FOLDER.iterdir()) == []
    assert Path("kept/file").exists()
