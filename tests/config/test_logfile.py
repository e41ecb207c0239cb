"""The `log` of the node file."""

import pytest

from gslb.config.settings import LogSettings
from tests.config.conftest import NODE, Folder


def test_without_it_people_are_told_what_happens(folder: Folder) -> None:
    assert folder.load().node.log == LogSettings("console", "info", 0)


def test_everything(folder: Folder) -> None:
    text = "log: {format: json, level: warning, queries: 1/1000}\n"
    assert folder.load(node=NODE + text).node.log == LogSettings("json", "warning", 1000)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{format: xml}", "log.format:"),
        ("{level: loud}", "log.level:"),
        ("{queries: 1000}", "log.queries: must be 1/N, one query in N"),
        ("{queries: 1/0}", "log.queries: must be 1/N"),
        ("{queries: 1/9999999}", "log.queries: must be 1/N"),
    ],
)
def test_faults(folder: Folder, text: str, fault: str) -> None:
    [found] = folder.problems(node=f"{NODE}log: {text}\n")
    assert fault in found
