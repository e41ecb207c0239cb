"""What the demo says can be copied and pasted."""

import shutil
import sys
from pathlib import Path

import pytest

from gslb.cli.demo_files import Ports
from gslb.cli.demo_text import command, welcome


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GSLB_CONFIG", raising=False)
    (tmp_path / ".demo").mkdir()
    (tmp_path / ".demo" / "gslb.yaml").touch()
    return tmp_path


def test_it_names_places_and_commands(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    monkeypatch.setattr(sys, "argv", [str(here / ".venv/bin/gslb"), "demo"])
    text = welcome(Ports(dns=5305))
    assert "dig @127.0.0.1 -p 5305 zabbix.gslb.example.com" in text
    assert "\n  .venv/bin/gslb drain site/osaka --for 10m --reason test\n" in text
    assert f"cd {here}" in text


def test_commands_name_the_demo_where_another_node_would_be_found(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    (here / "gslb.yaml").touch()
    assert "gslb.cli.main undrain site/osaka --config .demo/gslb.yaml" in welcome(Ports())


def test_it_says_where_dig_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "bind9-dnsutils" in welcome(Ports())


@pytest.mark.parametrize(
    ("program", "expected"),
    [(".venv/bin/gslb", ".venv/bin/gslb"), ("my tools/gslb", "'my tools/gslb'"), ("/opt/x/gslb", "/opt/x/gslb")],
)
def test_command_is_as_short_as_works(program: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    assert command() == expected


def test_command_on_the_path(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    program = here / "bin" / "gslb"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert command() == "gslb"


def test_command_without_an_installed_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/src/gslb/cli/main.py"])
    assert command() == f"{sys.executable} -m gslb.cli.main"
