"""Alerts: what promtool says of them, a case each way for every one, and no metric that the page does not have."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.api.test_metrics import read
from tests.conftest import ROOT
from tests.whole_node import Node, node, stopped_node

__all__ = ["node", "stopped_node"]

FOLDER = ROOT / "deploy" / "prometheus"
RULES = [rule for group in yaml.safe_load((FOLDER / "gslb.rules.yml").read_text())["groups"] for rule in group["rules"]]
CASES = yaml.safe_load((FOLDER / "gslb.rules.test.yml").read_text())["tests"]


def run(tool: str, *arguments: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_rules_do_what_their_cases_say(need: Callable[[str], str]) -> None:
    done = run(need("promtool"), "test", "rules", "gslb.rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_case_that_is_wrong_is_noticed(need: Callable[[str], str], tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace("value: 1}", "value: 0}"))
    assert run(need("promtool"), "test", "rules", "gslb.rules.test.yml", folder=tmp_path).returncode == 1


def test_the_example_is_a_configuration(need: Callable[[str], str]) -> None:
    done = run(need("promtool"), "check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_each_way() -> None:
    assert [case["name"] for case in CASES] == [
        f"{rule['alert']} {word}" for rule in RULES for word in ("fires", "is silent")
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_it_is_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["annotations"].keys() == {"summary", "do"}
    assert rule["labels"]["severity"] in ("page", "ticket")


async def test_alerts_look_at_families_that_there_are(node: Node) -> None:
    known = set(await read(node))
    used = {name.removesuffix("_total") for rule in RULES for name in re.findall(r"\bgslb_\w+", rule["expr"])}
    assert used - known == set()
