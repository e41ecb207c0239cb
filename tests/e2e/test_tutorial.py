"""The page of the night, typed at a terminal: three nodes, their store, two data centres of which one is broken.

Each command of the page is typed, and each line that the page shows after it must be on the screen, but for times, ids
and digests. Three dots stand for lines that are not compared, … for the rest of one. Addresses of the page are those of
documentation.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, ROOT
from tests.e2e.kit import Node, eventually
from tests.e2e.sites import Site
from tests.e2e.terminal import PROMPT, Terminal
from tests.etcd_kit import Cluster

pytestmark = pytest.mark.e2e

PAGE = ROOT / "docs" / "tutorial-3am.md"
SITES = {"tokyo": ("192.0.2.10", "127.0.0.11"), "osaka": ("198.51.100.10", "127.0.0.12")}
NODES = {"tokyo-1": "192.0.2.53:8053", "osaka-1": "198.51.100.53:8053", "paris-1": "203.0.113.53:8053"}
ZONES = """\
sites:
  tokyo: {{country: JP}}
  osaka: {{country: JP}}
  paris: {{country: FR}}
probers:
{probers}
monitors:
  web: {{type: http, port: {port}, method: POST, path: /, body: "{{}}", expect: {{status: [200], body: '"result"'}},
    interval: 500ms, timeout: 250ms, fall: 2, rise: 2}}
pools:
  web:
    monitors: [web]
    members:
      tokyo: {{site: tokyo, addresses: [127.0.0.11], weight: 60}}
      osaka: {{site: osaka, addresses: [127.0.0.12], weight: 40}}
zones:
  gslb.example.com:
    soa: {{mname: ns1, rname: hostmaster.example.com., serial: 1}}
    ns: [ns1]
    records:
      ns1: {{A: [192.0.2.53]}}
    names:
      www: {{pool: web, ttl: 5}}
"""
VOLATILE = (  # what is another each time
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\b[dht]-[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{8,}\b"), "DIGEST"),
    (re.compile(r"\b\d+(\.\d+)?( ?(ms|s|m|h|%|d)|(m|h)\d\d[sm])(?!\w)"), "LENGTH"),
    (re.compile(r"\b\d[\d,]* queries"), "N queries"),
    (re.compile(r"generation \d+"), "generation N"),
    (re.compile(r"[━╸╺]+"), "BAR"),
    (re.compile(r"─+"), "-"),
    (re.compile(r"\d+/s"), "N/s"),
    (re.compile(r"#+"), "#"),
    (re.compile(r"\s+"), " "),
)


def plain(line: str) -> str:
    for pattern, word in VOLATILE:
        line = pattern.sub(word, line)
    return line.strip()


class Night:
    """Everything that the page is about; `page` and `real` translate addresses."""

    def __init__(self, folder: Path, sites: list[Site], nodes: list[Node]) -> None:
        self.folder = folder
        self.sites = dict(zip(SITES, sites, strict=True))
        self.nodes = dict(zip(NODES, nodes, strict=True))
        self.pairs = [(f"http://{place}", f"http://127.0.0.1:{self.nodes[name].api}") for name, place in NODES.items()]
        self.pairs += list(SITES.values())

    def real(self, text: str) -> str:
        for page, real in self.pairs:
            text = text.replace(page, real)
        return text

    def page(self, text: str) -> str:
        for page, real in self.pairs:
            text = text.replace(real, page)
        return text

    def write(self, cluster: Cluster) -> None:
        """The files of every node."""
        probers = "\n".join(
            f'  {name}: {{site: {name[:5]}, address: "127.0.0.1:{node.dns}"}}' for name, node in self.nodes.items()
        )
        for name, node in self.nodes.items():
            node.write(ZONES.format(probers=probers, port=self.sites["tokyo"].port), workers=1)
            store = f"store: {{type: etcd, endpoints: [{', '.join(cluster.urls)}]}}\n"
            text = node.config.read_text().replace("{name: test, site: tokyo}", f"{{name: {name}, site: {name[:5]}}}")
            node.config.write_text(text + store)

    def belief(self, site: str) -> set[str]:
        """What the nodes believe of a site, and every prober says of it."""
        found = set()
        for node in self.nodes.values():
            answer = node.call("GET", f"/api/v1/votes?site={site}").body
            assert isinstance(answer, dict)
            for target in answer["votes"]:
                said = [vote["verdict"] for vote in target["votes"]]
                found |= {target["verdict"], *said, *(["missing"] if len(said) < len(NODES) else [])}
        return found

    def turn(self, site: str, *, well: bool) -> None:
        """A site breaks or is mended, and every node has seen it."""
        if well:
            self.sites[site].mend()
        else:
            self.sites[site].refuse()
        eventually(lambda: self.belief(site) == {"up" if well else "down"}, 15)


@pytest.fixture
def night(tmp_path: Path, make_sites: Callable[..., list[Site]], make_node: Callable[[], Node]) -> Iterator[Night]:
    with Cluster(tmp_path / "etcd", 1) as cluster:
        found = Night(tmp_path, make_sites(*(real for _, real in SITES.values())), [make_node() for _ in NODES])
        found.write(cluster)
        for node in found.nodes.values():
            node.start()
        for node in found.nodes.values():
            node.ready()
        eventually(lambda: found.belief("tokyo") | found.belief("osaka") == {"up"}, 20)
        yield found
        for node in found.nodes.values():  # before the store goes
            node.stop()


def blocks() -> Iterator[list[str]]:
    """The lines of each console of the page, and each hidden remark as a block of one line."""
    for remark, console in re.findall(r"<!-- (.*?) -->|```console\n(.*?)```", PAGE.read_text(), re.DOTALL):
        yield [f"<!-- {remark}"] if remark else console.splitlines()


def commands(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each command, and the lines that the page shows after it."""
    at = [number for number, line in enumerate(lines) if line.startswith(PROMPT)]
    for begin, end in zip(at, [*at[1:], len(lines)], strict=True):
        yield lines[begin].removeprefix(PROMPT), lines[begin + 1 : end]


def typed(terminal: Terminal, command: str) -> str:
    """What a command shows, until the prompt is back; what it asks is answered with yes, and top is left."""
    terminal.clear()
    terminal.type(command)
    prompt, question = f"\n{PROMPT.rstrip()}", "Go on? [y/N]:"
    shown = terminal.until(lambda text: text.endswith((prompt, question)) or "LAST EVENTS" in text)
    if shown.endswith(question):
        terminal.type("y")
    elif "LAST EVENTS" in shown:
        terminal.press("q")
        terminal.until(lambda text: text.endswith(PROMPT.rstrip()))
        return shown
    return terminal.until(lambda text: text.endswith(prompt), 30)


def missing(expected: list[str], shown: str) -> list[str]:
    """The lines of the page that the screen does not have; one that ends with … goes on there."""
    seen = [plain(line) for line in shown.splitlines()]

    def is_seen(line: str) -> bool:
        begin = plain(line.removesuffix("…"))
        return any(one.startswith(begin) if line.endswith("…") else one == begin for one in seen)

    return [line for line in expected if line.strip() not in ("", "...") and not is_seen(line)]


@pytest.mark.timeout(90)
def test_every_command_of_the_page_does_what_the_page_says(night: Night, need: Callable[[str], str]) -> None:
    need("tmux")
    binary = night.folder / "bin" / "gslb"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} -m gslb.cli.main "$@"\n')
    binary.chmod(0o755)
    own = {
        "GSLB_CONFIG": str(night.nodes["tokyo-1"].config),
        "HOME": str(night.folder),
        "USER": "anna",
        "LOGNAME": "anna",
    }
    path = f"{binary.parent}:{os.environ['PATH']}"
    lacking: dict[str, list[str]] = {}
    done = 0
    with Terminal(night.folder, {**ENVIRONMENT, **own, "PATH": path}) as terminal:
        for lines in blocks():
            if lines[0].startswith("<!-- "):
                _, site, verb = lines[0].split()
                night.turn(site.lower(), well=verb == "mended")
                continue
            for command, expected in commands(lines):
                shown = night.page(typed(terminal, night.real(command)))
                print(f"\n{shown}", end="")
                done += 1
                if lines := missing(expected, shown):
                    lacking[command] = lines
    assert done >= 12
    assert lacking == {}
