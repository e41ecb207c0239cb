"""docs/zabbix*.md as a program reads them, and what their first step makes, from a copy of deploy/."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.conftest import ROOT

DOCS: Final = ROOT / "docs"
PASSWORD: Final = "/etc/gslb/database.password"  # of the role gslb, where nodes have it
MACHINES: Final = ("nagoya-dns", "osaka-app", "osaka-db", "osaka-dns", "tokyo-app", "tokyo-db", "tokyo-dns")
_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """A block of code, and the heading that it stands under."""

    heading: str
    language: str
    text: str


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, language: str = "") -> list[Block]:
    """Those of a page, or those in one language."""
    text = page(name)
    headings = [(found.start(), found[1]) for found in re.finditer(r"^## (.*)$", text, re.M)]
    made = []
    for found in _BLOCK.finditer(text):
        above = [heading for start, heading in headings if start < found.start()]
        made.append(Block(above[-1] if above else "", found[1], found[2]))
    return [block for block in made if language in ("", block.language)]


def prose(name: str) -> str:
    """A page without its blocks."""
    return _BLOCK.sub("", page(name))


def spans(name: str) -> set[str]:
    """What stands between backticks in a page's prose."""
    return set(re.findall(r"`([^`\n]+)`", prose(name)))


def tables(name: str) -> list[list[list[str]]]:
    """The rows of each table, each a list of cells; the first is the head."""
    made: list[list[list[str]]] = []
    for found in re.finditer(r"(?:^\|.*\|\n)+", prose(name) + "\n", re.M):
        lines = found[0].splitlines()
        made.append([[cell.strip() for cell in line[1:-1].split("|")] for line in (lines[0], *lines[2:])])
    return made


def shell_lines(name: str) -> Iterator[tuple[str, str]]:
    """Each command line of a page's shell blocks with its heading; continued lines are one."""
    for block in blocks(name, "sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield block.heading, line


def prepare(folder: Path, *first: str) -> Path:
    """Run shell commands and then the second block of step 1 in a copy of what they read; the folder `out`."""
    checkout = folder / "checkout"
    for part in ("deploy", "zones"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    step = next(block.text for block in blocks("zabbix", "sh") if "zabbix-db/prepare" in block.text)
    for script in (*first, step):
        done = subprocess.run(["sh", "-ec", script], cwd=checkout, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    return checkout / "out"


def node_file(out: Path, machine: str) -> Path:
    """The node file of a machine, with the password where this machine has it, and no store that wants TLS files."""
    folder = out / machine / "gslb"
    zone = folder / "zones" / "zabbix.yaml"
    zone.write_text(zone.read_text(encoding="utf-8").replace(PASSWORD, str(folder / "database.password")))
    return folder / "gslb.yaml"
