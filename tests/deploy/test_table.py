"""docs/nodes.md: each line of its table of failures names a test, and the test is there."""

import ast
import re
from pathlib import Path

from tests.conftest import ROOT

PAGE = ROOT / "docs/nodes.md"
HEADING = "## What each failure does"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    """The cells of each line below the head of the table."""
    section = PAGE.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def functions(path: Path) -> set[str]:
    """The names of the functions of a file."""
    found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_line_names_a_test_that_exists() -> None:
    table = rows()
    assert len(table) > 20
    for cells in table:
        assert len(cells) == 6, cells
        named = TEST.fullmatch(cells[-1])
        assert named, f"{cells[0]}: {cells[-1]} names no test"
        assert named[2] in functions(ROOT / named[1]), f"{cells[0]}: there is no {cells[-1]}"


def test_every_line_says_what_clients_get() -> None:
    assert all(cells[0] and cells[1] for cells in rows())
    assert len({cells[0] for cells in rows()}) == len(rows())
