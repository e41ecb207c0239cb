"""`gslb plan` against a running node, and one folder against another."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gslb.cli.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, zone_text: str) -> Callable[..., str]:
    """`folder(old, new, ...)` is a zones folder like the node's, with texts replaced."""

    def make(*replaced: tuple[str, str], name: str = "candidate") -> str:
        text = zone_text
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / name).mkdir()
        (tmp_path / name / "zone.yaml").write_text(text)
        return str(tmp_path / name)

    return make


def planned(node: Any, zones: str, *options: str) -> int:
    return main(["plan", "--zones", zones, "--config", node.config, *options])


def test_what_would_move(node, folder: Callable[..., str], capsys: Capture) -> None:
    zones = folder(("weight: 60", "weight: 30"), ("weight: 40", "weight: 70"), ("ttl: 30", "ttl: 60"))
    assert planned(node, zones) == 0
    told = capsys.readouterr().out
    assert "clients moved: 30.0% of 10000 for all names; most for www.gslb.example.com.: 30.0%" in told
    assert "~ name www.gslb.example.com.: TTL 30 -> 60, pool web" in told
    assert "tokyo  60.0%  30.0%" in told
    assert planned(node, zones, "--fail-on", "29") == 1
    assert "moves 30.0% of its clients" in capsys.readouterr().err
    assert planned(node, zones, "--fail-on", "31") == 0


def test_json(node, folder: Callable[..., str], capsys: Capture) -> None:
    assert planned(node, folder(), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["moved"], found["faults"]) == (True, 0, [])
    assert found["digest"]["before"] == found["digest"]["after"]


def test_what_takes_away_too_much_is_no_unless_it_is_meant(node, folder: Callable[..., str], capsys: Capture) -> None:
    zones = folder(("      www:", "      new:"))
    assert planned(node, zones) == 1
    output = capsys.readouterr()
    assert "- name www.gslb.example.com." in output.out
    assert "+ name new.gslb.example.com." in output.out
    assert "it takes away 1 of 1 name, 100%" in output.err
    assert planned(node, zones, "--force") == 0


@pytest.mark.parametrize("against", [False, True])
def test_problems_have_places(node, folder: Callable[..., str], capsys: Capture, against: bool) -> None:
    zones = folder(("weight: 60", "weight: -1"), ("ttl: 30", "ttl: x"))
    options = ["--against", folder(name="other")] if against else []
    assert planned(node, zones, *options) == 1
    output = capsys.readouterr()
    assert [line.partition(": ")[0] for line in output.out.splitlines()] == [
        f"{zones}/zone.yaml:{at}" for at in ("8:61", "17:29")
    ]
    assert output.err == "no: 2 problems\n"
    assert planned(node, zones, "--json", *options) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], [problem["where"] for problem in found["problems"]]) == (
        False,
        ["zone.yaml:8:61", "zone.yaml:17:29"],
    )


def test_two_folders_need_no_node(
    tmp_path: Path, write_node: Callable[..., str], folder: Callable[..., str], capsys: Capture
) -> None:
    config = write_node(tmp_path / "off", 5300, 8053)
    other = folder(("weight: 60", "weight: 0"))
    assert main(["plan", "--zones", other, "--against", folder(name="now"), "--config", config]) == 0
    assert "clients moved: 60.0%" in capsys.readouterr().out


def test_a_folder_that_is_none(node, tmp_path: Path, capsys: Capture) -> None:
    assert planned(node, str(tmp_path / "missing")) == 1
    assert "there is no file in" in capsys.readouterr().err


def test_overloads_and_other_failovers_are_told(
    node, tmp_path: Path, folder: Callable[..., str], capsys: Capture
) -> None:
    zones = folder(
        ("tokyo: {country: JP}", "tokyo: {country: JP, capacity: 10}"),
        ("osaka: {country: JP}", "osaka: {country: JP, capacity: 10}"),
        ("policy: weighted", "policy: capacity\n    load: 30\n    monitors: [web]"),
        ("pools:", "monitors:\n  web: {type: tcp, port: 80}\npools:"),
    )
    assert planned(node, zones) == 1
    output = capsys.readouterr()
    assert "no: site tokyo would get a load of 15 and carries 10" in output.err
    assert "not probed  48 s" in output.out
    assert "2 targets not probed yet: taken for up" in output.out


def test_warnings_are_told(node, folder: Callable[..., str], capsys: Capture) -> None:
    zones = folder(
        ("policy: weighted", "policy: nearest"), ("{country: JP}", "{country: JP, latitude: 35, longitude: 139}")
    )
    assert planned(node, zones) == 0
    assert "warning: " in capsys.readouterr().err


def test_long_lists_are_cut(node, folder: Callable[..., str], capsys: Capture) -> None:
    names = "".join(f"      n{at}: {{pool: web}}\n" for at in range(25))
    assert planned(node, folder(("    names:\n", f"    names:\n{names}"))) == 0
    assert "+ name ... and 5 more" in capsys.readouterr().out
