"""The lab's files without the lab: sizes, the zone that it serves, templates that are filled in whole."""

import ast
import re
from pathlib import Path

import pytest

from deploy.lab import files, services
from deploy.lab.plan import HOSTS, TEMPLATES, VOTERS
from tests.conftest import ROOT
from tests.loading import load

SOURCES = sorted((ROOT / "deploy" / "lab").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name != "all_of":
            assert (node.end_lineno or 0) - node.lineno < 40, f"{path.name}: {node.name}"


def test_no_address_twice() -> None:
    addresses = [address for host in HOSTS for address in (host.address, *host.more)]
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize("profile", files.PROFILES)
def test_every_node_accepts_the_zone_of_the_lab(profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    monkeypatch.setattr(files, "ZONES", tmp_path / "zones")
    monkeypatch.setattr(
        files, "own", lambda paths, _: [p.mkdir(parents=True, exist_ok=True) for p in paths if not p.exists()]
    )
    files._zones(profile)
    for site in VOTERS:
        node = tmp_path / f"{site.name}.yaml"
        node.write_text(
            f"node: {{name: {site.name}-1, site: {site.name}}}\nlisten: {{dns: ['{site.host('dns').address}:53']}}\n"
            "zones: zones/\nstate: state/\n"
        )
        config = load(str(node))
        fast = config.monitors["zabbix-web"].interval
        assert fast == (1.0 if profile == "fast" else 5.0)
        assert config.pools["zabbix-db"].exclusive
        assert {monitor.min_votes for monitor in config.monitors.values()} == {2}


def test_templates_name_only_what_is_filled_in() -> None:
    known = {"FOLDER", "SITE", "PYTHON", "PGPOOL_PORT", "PCP_PORT", "BACKENDS", "ADDRESS", "ETCD", "HOSTNAME"}
    known |= {"ROLES", "DNS", "API", "ZONES", "ENDPOINTS", "PASSWORD_PGPOOL", "PASSWORD_ZABBIX"}
    for path in TEMPLATES.iterdir():
        assert set(re.findall(r"@([A-Z_]+)@", path.read_text(encoding="utf-8"))) <= known, path.name


def test_every_program_has_a_pid_file_of_its_own() -> None:
    names = [(service.host.name, service.name) for service in services.everything()]
    assert len(names) == len(set(names))
