"""`gslb check`: problems with their places, or the table of names."""

import json
from pathlib import Path

import pytest

from gslb.cli.main import main

BAD = "pools:\n  web:\n    members:\n      tokyo: {site: tokyo, addresses: [192.0.2.300], weight: -1}\n"


def test_a_good_configuration_prints_its_names(tmp_path: Path, write_node, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_node(tmp_path, 5300, 8053)
    assert main(["check", "--config", config]) == 0
    text = capsys.readouterr().out
    assert "1 dynamic name in 1 zone" in text
    [row] = [line for line in text.splitlines() if "www" in line]
    assert "weighted" in row
    assert row.split()[-4:] == ["30", "s", "not", "probed"]


def test_a_probed_name_has_its_times(tmp_path: Path, write_node, zone_text: str, capsys) -> None:
    monitored = zone_text.replace("    policy: weighted", "    monitors: [port]\n    policy: weighted")
    monitor = "monitors: {port: {type: tcp, port: 443, interval: 1s, timeout: 500ms, fall: 2, rise: 2}}\n"
    assert main(["check", "--config", write_node(tmp_path, 5300, 8053, zone=monitor + monitored)]) == 0
    [row] = [line for line in capsys.readouterr().out.splitlines() if "www" in line]
    assert row.endswith("  detection 2.6 s by port, publishing 0.5 s, TTL 30 s")
    assert "  30 s  33.1 s  " in row


def test_both_ttls_and_the_declared_time(tmp_path: Path, write_node, zone_text: str, capsys) -> None:
    monitored = zone_text.replace("    policy: weighted", "    monitors: [port]\n    policy: weighted")
    monitored = monitored.replace("ttl: 30}", "ttl: {max: 30, min: 5}, rto: 60s}")
    monitor = "monitors: {port: {type: tcp, port: 443}}\n"
    assert main(["check", "--config", write_node(tmp_path, 5300, 8053, zone=monitor + monitored)]) == 0
    [row] = [line for line in capsys.readouterr().out.splitlines() if "www" in line]
    assert "  5 to 30 s  48 s  " in row
    assert row.endswith("  60 s")


def test_json_of_a_good_one(tmp_path: Path, write_node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--config", write_node(tmp_path, 5300, 8053)]) == 0
    view = json.loads(capsys.readouterr().out)
    assert view["ok"] is True
    assert [name["ttl"] for name in view["names"]] == [30]
    assert view["digest"]


def test_every_problem_with_its_place(tmp_path: Path, write_node, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_node(tmp_path, 5300, 8053, zone=BAD)
    assert main(["check", "--config", config]) == 1
    printed = capsys.readouterr()
    assert "zone.yaml:4:" in printed.out
    assert "192.0.2.300" in printed.out
    assert "weight" in printed.out
    assert "nothing was applied" in printed.err


def test_json_of_a_bad_one(tmp_path: Path, write_node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--config", write_node(tmp_path, 5300, 8053, zone=BAD)]) == 1
    view = json.loads(capsys.readouterr().out)
    assert view["ok"] is False
    assert len(view["problems"]) > 1
    assert {"where", "path", "message", "hint"} == view["problems"][0].keys()


def test_warnings_go_to_stderr(tmp_path: Path, write_node, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(write_node(tmp_path, 5300, 8053))
    zone = path.parent / "zones" / "zone.yaml"
    zone.write_text(zone.read_text().replace(", serial: 1", ""))
    assert main(["check", "--config", str(path)]) == 0
    assert "warning: " in capsys.readouterr().err


def test_no_node_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GSLB_CONFIG", raising=False)
    assert main(["check"]) == 1
    assert "no node file" in capsys.readouterr().err
