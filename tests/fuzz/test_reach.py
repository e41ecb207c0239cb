"""The corpus reaches every line and branch that a query can take: mutations start where code is, not before it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ENVIRONMENT, ROOT

WATCHED = [
    "responder",
    "replies",
    "proof",
    "memory",
    "dns/message",
    "dns/edns",
    "dns/ecs",
    "dns/cookie",
    "dns/response",
    "policy/nodes",
    "table/lookup",
    "table/client",
    "table/entries",
]
ELSEWHERE = {
    "except Exception:": "the last line of defence: no input may get there",
    "def parse(": "for those who read a message without answering it",
    "def weights(": "for snapshots",
    'raise ValueError("these leaves were compiled for another base")': "no query makes a table",
}
"""What the corpus need not reach: these lines, and those that are indented below them."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Coverage's report on a run of the corpus alone, in a process that is watched by nobody else."""
    folder = tmp_path_factory.mktemp("reach")
    include = ",".join(f"gslb/{name}.py" for name in WATCHED)
    common = ["--rcfile=/dev/null", f"--data-file={folder / 'data'}"]
    coverage = [sys.executable, "-m", "coverage"]
    for argv in (
        ["run", *common, "--branch", f"--include={include}", "-m", "tests.fuzz.reach"],
        ["json", *common, "-o", str(folder / "report.json")],
    ):
        done = subprocess.run([*coverage, *argv], capture_output=True, text=True, timeout=90, env=ENVIRONMENT, cwd=ROOT)
        assert not done.returncode, done.stdout + done.stderr
    return dict(json.loads((folder / "report.json").read_text())["files"])


@pytest.mark.parametrize("name", WATCHED)
def test_every_line_and_branch(report: dict[str, Any], name: str) -> None:
    found = report[f"gslb/{name}.py"]
    lines = (ROOT / "gslb" / f"{name}.py").read_text().splitlines()
    allowed = beyond(lines)
    missed = [f"{at}: {lines[at - 1]}" for at in found["missing_lines"] if at not in allowed]
    missed += [
        f"{start} -> {to}: {lines[start - 1]}"
        for start, to in found["missing_branches"]
        if start not in allowed and to not in allowed
    ]
    assert not missed, "\n".join(missed)


def beyond(lines: list[str]) -> set[int]:
    """The numbers of the lines that the corpus need not reach."""
    found = set()
    margin = -1  # of the line whose block this is, if any
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= margin:
            margin = -1
        if margin < 0 and line.strip().startswith(tuple(ELSEWHERE)):
            margin = indent
        if margin >= 0:
            found.add(number)
    return found
