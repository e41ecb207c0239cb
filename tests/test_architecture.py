"""The house rules that a program can hold: layers, homes of third-party packages, sizes, twin tests.

Everything is read from the syntax tree; nothing is imported.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "gslb").rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}

# A module imports only from its own layer's folder and from lower layers; folders of one layer never see each other.
LAYERS = [
    ["errors", "formats", "__init__"],
    ["dns"],
    ["config"],
    ["health", "geo", "intents"],
    ["policy"],
    ["table"],
    ["responder"],
    ["server", "probe", "store"],
    ["control"],
    ["api"],
    ["cli"],
]
HEIGHT = {folder: height for height, layer in enumerate(LAYERS) for folder in layer}
ACROSS = {("health", "intents")}  # `effective` is where an operator's intent has its effect
RESPONDER = {"responder", "replies", "context", "counters", "limiter", "memory", "proof"}
CORE_HEIGHT = HEIGHT["responder"]
CORE_FORBIDS = {"asyncio", "socket", "ctypes", "os", "time", "logging", "aiohttp", "yaml", "maxminddb"}
FILE_READERS = {"gslb/config/load.py", "gslb/geo/database.py"}
HOMES = {  # package -> the files, or the folder, that may import it
    "aiohttp": {
        "gslb/probe/http.py",
        "gslb/api/app.py",
        "gslb/api/body.py",
        "gslb/api/listening.py",
        "gslb/api/problems.py",
        "gslb/api/stream.py",
        "gslb/cli/demo_sites.py",
        "gslb/control/notify.py",
        "gslb/store/etcdlink.py",
    },
    "asyncpg": {"gslb/probe/pgchild.py"},
    "click": {"gslb/cli/"},
    "ctypes": {"gslb/server/batch.py", "gslb/server/priority.py"},
    "dns": {"gslb/dns/rdata.py", "gslb/dns/zonefile.py"},
    "dnslib": {"gslb/control/explain.py", "gslb/probe/dns.py"},
    "maxminddb": {"gslb/geo/database.py"},
    "msgpack": {"gslb/table/pack.py"},
    "prometheus_client": {"gslb/api/metrics.py", "gslb/api/metrics_counters.py"},
    "pydantic": {
        "gslb/api/",
        "gslb/probe/",
        "gslb/config/apifile.py",
        "gslb/config/logfile.py",
        "gslb/config/nodefile.py",
        "gslb/config/notifyfile.py",
        "gslb/config/schema.py",
        "gslb/config/storefile.py",
        "gslb/config/tapfile.py",
        "gslb/config/validate.py",
    },
    "pydantic_core": {"gslb/config/validate.py"},
    "rich": {"gslb/cli/output.py"},
    "siphashc": {"gslb/dns/cookie.py"},
    "yaml": {"gslb/cli/place.py", "gslb/config/load.py"},
    "yarl": {"gslb/probe/http.py"},
}
PINNED_AS = {
    "dns": "dnspython",
    "prometheus_client": "prometheus-client",
    "pydantic_core": "pydantic-core",
    "yaml": "pyyaml",
}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def folder_of(path: Path) -> str:
    """The folder of gslb/ that a file is in; a file beside the folders counts as one, RESPONDER's as one together."""
    first = path.relative_to(ROOT / "gslb").parts[0].removesuffix(".py")
    return "responder" if first in RESPONDER else first


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Every import statement with the full name of the module that it reaches for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}"
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def file_of(module: str) -> Path | None:
    """The file of ours that a dotted name reaches: the module itself, or the module that holds the name."""
    parts = module.split(".")
    for length in (len(parts), len(parts) - 1):
        base = ROOT.joinpath(*parts[:length])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path in TREES:
                return path
    return None


def uses(path: Path) -> set[Path]:
    return {target for _, module in imports(TREES[path]) if (target := file_of(module)) and target != path}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_go_downward_only(path: Path) -> None:
    own = folder_of(path)
    for target in uses(path):
        other = folder_of(target)
        downward = other == own or HEIGHT[other] < HEIGHT[own] or (own, other) in ACROSS
        assert downward, f"{name_of(path)} imports {name_of(target)}"


def test_no_import_cycles() -> None:
    graph = {path: uses(path) for path in SOURCES}
    while leaves := [path for path, targets in graph.items() if not targets & graph.keys()]:
        for path in leaves:
            del graph[path]
    assert not graph, "cycle among " + ", ".join(map(name_of, graph))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_stand_at_the_top_except_in_verbs(path: Path) -> None:
    if folder_of(path) == "cli":
        return
    inner = [f for f in ast.walk(TREES[path]) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines = [statement.lineno for function in inner for statement, _ in imports(function)]
    assert not lines, f"{name_of(path)} imports inside a function at lines {lines}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_the_core_reads_no_clock_socket_or_file(path: Path) -> None:
    if HEIGHT[folder_of(path)] > CORE_HEIGHT or name_of(path) in FILE_READERS:
        return
    found = {module.split(".")[0] for _, module in imports(TREES[path])} & CORE_FORBIDS
    assert not found, f"{name_of(path)} imports {sorted(found)}"


def third_party() -> Iterator[tuple[str, str]]:
    """(package, file that imports it); ctypes counts, for its power to crash the process."""
    for path in SOURCES:
        for _, module in imports(TREES[path]):
            package = module.split(".")[0]
            if package == "ctypes" or package not in sys.stdlib_module_names | {"gslb"}:
                yield package, name_of(path)


def test_third_party_packages_stay_in_their_homes() -> None:
    found = set(third_party())
    strays = {
        (package, file) for package, file in found if not {file, f"{Path(file).parent}/"} & HOMES.get(package, set())
    }
    assert not strays
    empty = {(package, home) for package, homes in HOMES.items() for home in homes if home.endswith(".py")} - found
    assert not empty, "homes that nobody lives in"


def test_third_party_packages_are_pinned() -> None:
    used = {PINNED_AS.get(package, package) for package, _ in third_party()} - {"ctypes"}
    assert used <= pinned("constraints.txt")
    assert used <= pinned("constraints-dev.txt")


def pinned(file: str) -> set[str]:
    pins = (ROOT / file).read_text(encoding="utf-8")
    return {line.split("==")[0] for line in pins.splitlines() if "==" in line}


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-dev.txt"])
def test_pinned_files_name_no_host(file: str) -> None:
    pins = (ROOT / file).read_text(encoding="utf-8")
    assert [word for word in ("://", "index-url", "find-links", "trusted-host") if word in pins] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_source_file_has_a_twin_test(path: Path) -> None:
    if path.name in ("__init__.py", "__main__.py"):
        return
    folder = path.relative_to(ROOT / "gslb").parent
    twin = ROOT / "tests" / folder / f"test_{path.name}"
    assert twin.is_file(), f"{name_of(path)} has no {name_of(twin)}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{name_of(path)}: {node.name} has {length} lines"
