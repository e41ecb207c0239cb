"""Run the wire tests against ours and the open peers in turn, and write docs/conformance.md from what they did.

    python tools/conformance.py            all five; peers that are not installed are an error
    python tools/conformance.py gslb       ours alone: nothing is written, the exit status tells

The rows are the tests themselves, tests/wire/test_rows_*.py and test_rfc8906.py: each is named by its row's id, and its
docstring is the row.
"""

import argparse
import ast
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.wire.message import query  # noqa: E402 - found only once the path is set
from tools import peers  # noqa: E402

OURS = "gslb"
DOCUMENT = ROOT / "docs" / "conformance.md"
WIRE = ROOT / "tests" / "wire"
_ROW = re.compile(r"test_(c\d\d)_")
_CHECK = re.compile(r"test_rfc8906_(\w+)(?:\[(.*)\])?$")
_WAYS = {"udp4", "tcp4", "udp6", "tcp6"}
_VERSIONS = {"gdnsd": "-h", "nsd": "-v", "knot": "-V", "pdns": "--version"}
_START = 10.0  # seconds for a peer to answer
_LONGEST = 110

INTRODUCTION = """# Conformance: what ours and four open servers do on the wire

Written by `make conformance`, which runs the same tests (`tests/wire/`) against all five over UDP and TCP, IPv4 and
IPv6. Do not edit. A row is a stimulus and the reply that it must have; ✓ says that every case of it was answered so, ✗
links to what was done instead, "n/a" that a peer cannot be asked, for the row needs pools, health or settings of ours.
A test ends at its first fault, so a peer may do more than is listed.

What RFCs leave open is asserted of ours but not of peers: the size that OPT offers, keepalive that was not asked for,
counts and options of an error, flags of CHAOS. Peers run with the same content, node name, cookie secrets and payload
size, minimal answers, no version told, and client subnets where they can (`tools/peers.py`); limits of connections and
times are as each comes.
"""


class Outcome(NamedTuple):
    """One test over one way. `fault` is empty where it passed."""

    row: str
    way: str
    fault: str


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, print the score, and write the page if everybody was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="*", choices=[[], OURS, *peers.PROGRAMS], help="default: all")
    servers = parser.parse_args(argv).servers or [OURS, *peers.PROGRAMS]
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [name for name in servers if name != OURS and not shutil.which(peers.PROGRAMS[name])]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; apt-get install {peers.PACKAGES}")
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in servers:
            results[name] = _measure(name, Path(folder))
            print(f"{name}: {_score(results[name])}", flush=True)
    if len(servers) > len(peers.PROGRAMS):
        DOCUMENT.write_text(_document(results), encoding="utf-8")
        print(f"wrote {DOCUMENT.relative_to(ROOT)}")
    return int(any(outcome.fault for outcome in results.get(OURS, ())))


def _measure(name: str, folder: Path) -> list[Outcome]:
    if name == OURS:
        return _run(folder / f"{name}.xml", {})
    port = _free_port()
    with _peer(name, folder / name, port):
        return _run(folder / f"{name}.xml", {"GSLB_WIRE_SERVER": f"{name} {port}"})


def _run(report: Path, environment: dict[str, str]) -> list[Outcome]:
    tests = [str(path) for path in sorted([*WIRE.glob("test_rows_*.py"), WIRE / "test_rfc8906.py"])]
    argv = [sys.executable, "-m", "pytest", "-q", "--timeout", "120", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run([*argv, *tests], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=False)
    return [outcome for case in ET.parse(report).iter("testcase") if (outcome := _outcome(case))]


def _outcome(case: ET.Element) -> Outcome | None:
    name = case.get("name", "")
    row, check = _ROW.match(name), _CHECK.match(name)
    parameters = name.partition("[")[2].rstrip("]").split("-")
    way = next((item for item in parameters if item in _WAYS), "")
    fault = next((child.get("message", "") for child in case if child.tag in ("failure", "error")), None)
    text = "" if fault is None else _told(fault)
    if row:
        return Outcome(row[1].upper(), way, text)
    if check:
        group = next((item for item in parameters if item and item not in _WAYS), check[1])
        return Outcome(group.replace("edns_at_512", "edns@512"), way, text)
    return None


def _told(message: str) -> str:
    """What a server did, out of pytest's words."""
    return message.partition("UnlikeError: ")[2].split("\n")[0] or message.split("\n")[0]


@contextmanager
def _peer(name: str, folder: Path, port: int) -> Iterator[None]:
    process = peers.start(name, folder, port)
    try:
        deadline = time.monotonic() + _START
        while not all(_answers(host, port) for host in ("127.0.0.1", "::1")):
            if time.monotonic() > deadline or process.poll() is not None:
                sys.exit(f"{name} does not start:\n{(folder / 'log').read_text(errors='replace')}")
        yield
    finally:
        process.terminate()
        process.wait(10)


def _answers(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        try:
            sock.connect((host, port))
            sock.send(query("www"))
            return sock.recv(512)[3] & 15 == 0
        except OSError:
            time.sleep(0.1)
            return False


def _free_port() -> int:
    """A port that is free on both addresses and transports, below those that clients are given."""
    while True:
        port = random.randint(10_000, 30_000)
        with ExitStack() as stack:
            try:
                for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        stack.enter_context(socket.socket(family, kind)).bind((host, port))
            except OSError:
                continue
        return port


def _score(outcomes: Sequence[Outcome]) -> str:
    failed = {outcome.row for outcome in outcomes if outcome.fault}
    rows = {outcome.row for outcome in outcomes if outcome.row.startswith("C")}
    checks = {outcome.row for outcome in outcomes} - rows
    return f"{len(rows - failed)} of {len(rows)} rows, {len(checks - failed)} of {len(checks)} checks of RFC 8906"


def _rows() -> dict[str, str]:
    """Row id to its text: the docstrings of its tests."""
    rows: dict[str, list[str]] = {}
    for path in WIRE.glob("test_rows_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match = _ROW.match(node.name) if isinstance(node, ast.FunctionDef) else None
            if match and isinstance(node, ast.FunctionDef):
                rows.setdefault(match[1].upper(), []).append(ast.get_docstring(node) or "")
    return {row: "; ".join(rows[row]) for row in sorted(rows)}


def _document(results: dict[str, list[Outcome]]) -> str:
    rows = _rows()
    ours = [outcome.row for outcome in results[OURS]]
    checks = list(dict.fromkeys(row for row in ours if row not in rows))
    lines = [INTRODUCTION, "| server | version | score |", "|---|---|---|"]
    lines += [f"| {name} | {_version(name)} | {_score(outcomes)} |" for name, outcomes in results.items()]
    lines += ["", "## Rows", "", *_head("row", "RFC: stimulus → reply", results)]
    lines += [f"| {row} | {_cell(text)} | {_marks(row, results)} |" for row, text in rows.items()]
    lines += ["", "## The checks of RFC 8906 and the EDNS compliance list", "", *_head("check", None, results)]
    lines += [f"| {check} | {_marks(check, results)} |" for check in checks]
    lines += ["", "## What was done instead", ""]
    for row in (*rows, *checks):
        faults = [f"- {name}: {fault}" for name, outcomes in results.items() for fault in _faults(row, outcomes)]
        lines += [f"### {row}", "", *faults, ""] if faults else []
    return "\n".join(lines).rstrip() + "\n"


def _head(first: str, second: str | None, results: dict[str, list[Outcome]]) -> list[str]:
    titles = [first, *([second] if second else []), *("ours" if name == OURS else name for name in results)]
    return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]


def _marks(row: str, results: dict[str, list[Outcome]]) -> str:
    return " | ".join(_mark(row, outcomes) for outcomes in results.values())


def _mark(row: str, outcomes: Sequence[Outcome]) -> str:
    faults = [outcome.fault for outcome in outcomes if outcome.row == row]
    if not faults:
        return "n/a"
    return f"[✗](#{row.lower().replace('@', '')})" if any(faults) else "✓"


def _faults(row: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Each thing that was done, once, and over which ways if not over all."""
    told: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.row == row and outcome.fault:
            told.setdefault(outcome.fault, []).append(outcome.way)
    for fault, ways in told.items():
        text = fault if len(fault) <= _LONGEST else f"{fault[:_LONGEST]}…"
        yield text + (f" ({', '.join(sorted(filter(None, ways)))})" if any(ways) and len(ways) < len(_WAYS) else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _version(name: str) -> str:
    if name == OURS:
        return "this tree"
    result = subprocess.run([peers.PROGRAMS[name], _VERSIONS[name]], capture_output=True, text=True, check=False)
    match = re.search(r"\d+\.\d+\.\d+", result.stdout + result.stderr)
    return match[0] if match else ""


if __name__ == "__main__":
    sys.exit(main())
