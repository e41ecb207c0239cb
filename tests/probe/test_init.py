"""Every type of monitor is found by its word."""

from pathlib import Path

import pytest

from gslb.config.model import Monitor
from gslb.probe import KINDS

READY_MADE = {"pgpool", "zabbix-server", "zabbix-web"}  # each makes a monitor of another type


def test_every_monitor_has_its_word() -> None:
    # By name: a slotted dataclass leaves its unslotted twin among the subclasses until it is collected.
    ours = (monitor for monitor in Monitor.__subclasses__() if monitor.__module__.startswith("gslb."))
    assert {monitor.kind for monitor in ours} == {*KINDS} - READY_MADE


@pytest.mark.parametrize("word", KINDS)
def test_every_type_is_documented(word: str) -> None:
    assert (Path(__file__).parents[2] / "docs" / "monitors" / f"{word}.md").read_text().startswith("#")
