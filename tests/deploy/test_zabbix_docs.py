"""docs/zabbix*.md: both languages say the same, and what they name, excerpt and promise is so."""

import ast
import re
from pathlib import Path

import click
import pytest

from deploy.lab import files, scenarios, times
from deploy.lab.plan import TEMPLATES
from gslb.cli.main import VERBS, cli
from tests.conftest import ROOT
from tests.deploy.zabbix_kit import DOCS, MACHINES, blocks, node_file, page, prepare, prose, shell_lines, spans, tables
from tests.loading import load

PAGES = ("zabbix", "zabbix.ja", "zabbix-failures", "zabbix-failures.ja")
PAIRS = (("zabbix", "zabbix.ja"), ("zabbix-failures", "zabbix-failures.ja"))
FOLDERS = "bench|deploy|docs|gslb|tests|tools|zones"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
HOURS = 24 * 365


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The machines' files, with the addresses of the page."""
    return prepare(tmp_path_factory.mktemp("prepared"))


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_the_same_code_and_tables(pair: tuple[str, str]) -> None:
    one, other = map(blocks, pair)
    assert [block[1:] for block in one] == [block[1:] for block in other]
    assert page(pair[0]).count("\n## ") == page(pair[1]).count("\n## ")
    here, there = map(tables, pair)
    assert [[len(row) for row in table] for table in here] == [[len(row) for row in table] for table in there]
    assert all(len(row) == len(table[0]) for table in here for row in table)


@pytest.mark.parametrize("pair", PAIRS)
def test_both_languages_have_the_same_figures_and_names(pair: tuple[str, str]) -> None:
    for here, there in zip(*map(tables, pair), strict=True):
        for one, other in zip(here[1:], there[1:], strict=True):
            assert named(one) == named(other), one[0]
    assert figures(pair[0]) == figures(pair[1])


def named(row: list[str]) -> set[str]:
    """What stands between backticks in a row."""
    return {name for cell in row for name in re.findall(r"`([^`]+)`", cell)}


def figures(name: str) -> list[set[str]]:
    """The seconds in the tables of a page, row by row."""
    lines = [" ".join(row) for table in tables(name) for row in table]
    return [set(re.findall(r"([\d.]+) ?(?:s(?![a-z])|秒)", line)) for line in lines]


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", prose(name)):
        path = (DOCS / target).resolve() if target else DOCS / f"{name}.md"
        assert path.exists(), target
        if anchor:
            found = path / "README.md" if path.is_dir() else path
            assert anchor in anchors(found.read_text(encoding="utf-8")), f"{target}#{anchor}"


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_files_of_this_repository_are_there(name: str) -> None:
    text = page(name)
    for path in re.findall(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./*-]*[\w/*])", text):
        assert list(ROOT.glob(path)), path
    for target in re.findall(r"\bmake (\w[\w-]*)", " ".join(spans(name))):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M), target


@pytest.mark.parametrize("name", PAGES)
def test_verbs_and_options_of_gslb_exist(name: str) -> None:
    lines = [line.partition("  #")[0] for _, line in shell_lines(name)] + sorted(spans(name))
    commands = [line for line in lines if line.startswith("gslb ") and line != "gslb by HTTP"]
    assert commands
    for line in commands:
        command: click.Command = cli
        for word in line.split()[1:]:
            if isinstance(command, click.Group):
                assert command is not cli or word in VERBS, line
                found = command.get_command(click.Context(command), word)
                command = found or command
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)--[a-z-]+", line)) <= options, line


def test_what_is_installed_was_prepared(out: Path) -> None:
    """Every source of each `install` is there, and nothing was prepared that is installed nowhere."""
    machines = {
        "2": "tokyo-dns",
        "3": "tokyo-db",
        "4": "tokyo-app",
        "5": "tokyo-app",
        "6": "tokyo-app",
        "7": "tokyo-dns",
    }
    used, here = {out / "tokyo-db" / "roles.sql"}, Path()
    for heading, line in shell_lines("zabbix"):
        if line.startswith("cd ~/"):
            folder = line.split()[1]
            here = ROOT if folder == "~/gslb" else out / machines[heading[0]] / folder.partition("zabbix-files")[2][1:]
        for command in re.split(r" && ", line):
            for source in sources(command):
                found = sorted(here.glob(source))
                assert found, f"{line}: there is no {source} in {here}"
                used.update(found)
    made = {path for name in MACHINES if name.startswith("tokyo") for path in (out / name).rglob("*") if path.is_file()}
    assert made <= used, made - used


def sources(command: str) -> list[str]:
    """What an `install` copies."""
    words = command.replace("~/gslb/", "").split()
    if not words or words[0] != "install" or "-d" in words:
        return []
    plain = [
        word
        for word, before in zip(words[1:], words, strict=False)
        if word[0] != "-" and before not in ("-m", "-o", "-g", "-t")
    ]
    return plain if "-t" in words else plain[:-1]


def bare(text: str) -> str:
    """Without lines of comment."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#") and line.strip()
    )


def test_excerpts_are_what_is_installed(out: Path) -> None:
    node, probers = (block.text for block in blocks("zabbix", "yaml"))
    assert node == bare((out / "tokyo-dns/gslb/gslb.yaml").read_text())
    assert probers == bare((out / "tokyo-dns/gslb/zones/probers.yaml").read_text())
    server = next(block.text for block in blocks("zabbix", "ini") if "HANodeName" in block.text)
    assert (out / "tokyo-app/zabbix_server.conf").read_text().startswith(server)
    delegation = next(block.text for block in blocks("zabbix") if "NS  ns1.gslb" in block.text)
    assert delegation in (TEMPLATES / "example.com.zone").read_text()
    assert "\nServerActive=zabbix-server.gslb.example.com\n" in (TEMPLATES / "zabbix_agentd.conf").read_text()


@pytest.mark.parametrize("machine", [name for name in MACHINES if name.endswith("dns")])
def test_every_node_accepts_its_files(machine: str, out: Path) -> None:
    config = load(str(node_file(out, machine)))
    assert config.node.site == machine.partition("-")[0]
    assert {monitor.min_votes for monitor in config.monitors.values()} == {2}


def test_what_check_prints(out: Path, run_gslb) -> None:
    done = run_gslb("check", "--config", str(node_file(out, "tokyo-dns")))
    assert done.returncode == 0, done.stdout + done.stderr
    shown = next(block.text for block in blocks("zabbix", "console") if "failover within" in block.text)
    assert promises(done.stdout) == promises(shown)


def promises(text: str) -> list[list[str]]:
    """Of what `gslb check` prints: each name with its times."""
    cells = [re.split(r"  +", line.strip()) for line in text.splitlines()]
    return [[row[0], *row[2:]] for row in cells]


def rows() -> list[list[str]]:
    """Of the long table."""
    return tables("zabbix-failures")[2][1:]


def test_every_row_of_failures_names_what_shows_it(out: Path) -> None:
    known = {one.name for one in scenarios.all_of(times.of(load(str(node_file(out, "tokyo-dns"))), "default"))}
    assert len(rows()) > 20
    for cells in rows():
        proof = cells[-1]
        for file, test in TEST.findall(proof):
            assert test in functions(ROOT / file), f"{cells[0]}: {file}::{test}"
        part = re.search(r"`make lab-test`: ((?:`[\w-]+`(?:, )?)+)", proof)
        mentioned = set(re.findall(r"`([\w-]+)`", part[1])) if part else set()
        assert mentioned or TEST.search(proof), cells[0]
        assert mentioned <= known, f"{cells[0]}: {mentioned - known}"


def functions(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_promised_times_are_those_of_the_configuration(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    monkeypatch.setattr(files, "ZONES", tmp_path / "zones")
    monkeypatch.setattr(files, "own", lambda *_: None)
    files._zones("fast")
    (tmp_path / "node.yaml").write_text(
        "node: {name: tokyo-1, site: tokyo}\nlisten: {dns: ['192.0.2.53:53']}\nzones: zones/\nstate: state/\n"
    )
    here = times.of(load(str(node_file(out, "tokyo-dns"))), "default")
    lab = times.of(load(str(tmp_path / "node.yaml")), "fast")
    for row, one, other in zip(tables("zabbix-failures")[0][1:], here[1:], lab[1:], strict=True):
        wanted = [f"{value:g} s" for each in (one, other) for value in (each.falls, each.ttl, each.falls + each.ttl)]
        assert row[1:] == wanted, row[0]
    assert f"D = {times.DATABASE:g} s" in prose("zabbix-failures")
    text = " ".join(" ".join(row) for row in rows())
    assert f"waits {here.value(False):g} s in all, {here.value(True):g} s where the primary dies" in text


def test_availability_is_computed() -> None:
    one, two, both, together = tables("zabbix-failures")[-1][1:]
    repair, bridged = 8.0, 65 / 3600
    alone = HOURS / (HOURS + repair)
    pair = HOURS / 2 / (HOURS / 2 + bridged)
    same = (1 - alone) ** 2
    assert one[1:] == [f"{HOURS} h", f"{repair:g} h", cut(alone, 3), f"{(1 - alone) * HOURS:.1f} h"]
    assert two[3:] == [cut(pair, 4), f"{(1 - pair) * HOURS * 60:.1f} min"]
    assert both[3:] == [cut(1 - same, 5), f"{same * HOURS * 60:.1f} min"]
    assert together[3:] == [cut(pair - same, 4), f"{(1 - pair + same) * HOURS * 60:.1f} min"]


def cut(share: float, places: int) -> str:
    """As `gslb report` prints it: never rounded up."""
    return f"{int(share * 100 * 10**places) / 10**places:.{places}f} %"
