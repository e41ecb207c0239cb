"""Files, YAML and its traps, the digest; and that any text at all gives a Config or a ConfigError with places."""

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gslb.config.load import INLINE, MAX_YAML, ZonesFiles, load_monitor, load_node
from gslb.config.load import load as load_with
from gslb.errors import ConfigError
from gslb.probe import KINDS
from gslb.probe.http import HttpMonitor
from gslb.probe.tcp import TcpMonitor
from tests.config.conftest import NODE, ZONE, Folder
from tests.loading import load

ROOT = Path(__file__).parent.parent.parent


def test_the_examples_are_right() -> None:
    config = load(str(ROOT / "gslb.example.yaml"))
    assert {pool.policy for pool in config.pools.values()} == {
        "weighted",
        "failover",
        "all",
        "hash",
        "nearest",
        "capacity",
    }
    assert {message.message.split(",")[0] for message in config.warnings} == {
        "asks for a location",
        "needs a location",
    }, "the example node has no location database, and that is all there is to say"


def test_the_examples_of_the_page_are_right(folder: Folder) -> None:
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    node, zones, *_ = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    folder.write("gslb.yaml", node)
    folder.write("zones/web.yaml", zones)
    assert folder.load().warnings == ()


def test_the_problems_of_the_page_are_what_is_printed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "zones", tmp_path / "zones")
    shutil.copy(ROOT / "gslb.example.yaml", tmp_path / "gslb.yaml")
    path = tmp_path / "zones" / "zabbix.yaml"
    text = (
        path.read_text(encoding="utf-8")
        .replace("weight: 60", "weight: -1", 1)
        .replace("pool: zabbix-server", "pool: zabix-server")
    )
    path.write_text(text, encoding="utf-8")
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "gslb.yaml"))
    for problem in caught.value.problems:
        assert str(problem).replace(f"{tmp_path}/", "") in page


def test_load_node_reads_the_node_file_alone(folder: Folder) -> None:
    folder.write("gslb.yaml", NODE)
    assert load_node(str(folder.path / "gslb.yaml")).name == "n1"


def test_load_node_tells_its_problems(folder: Folder) -> None:
    folder.write("gslb.yaml", NODE.replace("5300", "0") + "workers: x\n")
    with pytest.raises(ConfigError) as caught:
        load_node(str(folder.path / "gslb.yaml"))
    assert [problem.path for problem in caught.value.problems] == ["listen.dns.0", "workers"]


def test_places_are_relative_as_the_path_was(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_all(sites="tokyo: {x: 1}\nosaka: {}")
    monkeypatch.chdir(folder.path)
    with pytest.raises(ConfigError, match=r"^zones/a\.yaml:2:11: sites\.tokyo\.x: is not a known key"):
        load("gslb.yaml")
    folder.write_all()
    assert load("gslb.yaml").node.zones == str(folder.path / "zones")


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("sites:\n\ttokyo: {}", "2:1", "cannot start any token", "spaces, not with tabs"),
        ("sites: x\n\ttokyo: {}", "2:1", "tab character", "spaces, not with tabs"),
        ("sites: {a: *b}", "1:12", "anchors and aliases are not allowed", "write the value out"),
        ("sites: {a: &b {}}", "1:12", "anchors and aliases are not allowed", "write the value out"),
        ("*.x: 1", "1:2", "while scanning an alias", '"*.x"'),
        ("a: @x", "1:4", "cannot start any token", "quotes"),
        ("a: b: c", "1:5", "mapping values are not allowed", "quotes"),
        ("{a: 1", "2:1", "while parsing a flow mapping", ""),
        ("sites: {a: !!python/name:os.system x}", "1:12", "tags are not allowed", "write the value alone"),
        ("sites: {}\n---\nsites: {}", "2:1", "a second document begins", "---"),
        ("sites: {a: {country: NO}}", "1:22", "is read as a switch", '"NO"'),
        ("monitors: {a: {type: http, interval: 1:30}}", "1:38", "base 60", '"1:30"'),
        ("sites: {a: {}, a: {}}", "1:16", "is defined twice", "1:9"),
        ("é: 'x\0'", "1:6", "cannot hold this", ""),
        ("a: " + "[" * 40 + "]" * 40, "1:35", "is nested more than 32 deep", ""),
        ("[" * 1_000_000, "1:33", "is nested more than 32 deep", ""),
        ("- " * 100_000, "1:65", "is nested more than 32 deep", ""),
    ],
)
def test_traps(folder: Folder, text: str, place: str, message: str, hint: str) -> None:
    folder.write_all()
    folder.write("zones/b.yaml", text)
    found = [line for line in folder.problems() if line.startswith(f"zones/b.yaml:{place}:")]
    assert any(message in line and hint in line for line in found), folder.problems()


def test_a_trap_is_one_problem(folder: Folder) -> None:
    assert len(folder.problems(sites="tokyo: {country: NO}\nosaka: {}")) == 1


def test_an_empty_file_adds_nothing(folder: Folder) -> None:
    folder.write_all()
    folder.write("zones/b.yaml", "# nothing here\n")
    assert folder.load()


def test_files_that_cannot_be_read(folder: Folder) -> None:
    folder.write_all()
    folder.write("zones/b.yaml", b"sites:\n  a: {country: \xff}\n")
    (folder.path / "zones" / "c.yaml").mkdir()
    (folder.path / "zones" / "d.yaml").symlink_to("nowhere")
    folder.write("zones/e.yaml", b" " * (MAX_YAML + 1))
    found = folder.problems()
    assert [line.split(":")[0] for line in found] == [f"zones/{name}.yaml" for name in "bcde"]
    assert [
        any(part in line for part in ("not UTF-8 in line 2", "not a file", "No such file", "larger than 16 MiB"))
        for line in found
    ] == [True] * 4


def test_a_node_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(str(tmp_path / "gslb.yaml"))


@pytest.mark.parametrize("node", ["", "[]", "zones: 5", "text"])
def test_a_node_file_without_zones(folder: Folder, node: str) -> None:
    assert folder.problems(node=node)


@pytest.mark.parametrize(
    ("zones", "message"), [("gone/", "cannot be read: No such file or directory"), ("empty/", "has no *.yaml files")]
)
def test_a_zones_folder_without_files(folder: Folder, zones: str, message: str) -> None:
    (folder.path / "empty").mkdir()
    folder.write("empty/.hidden.yaml", "x")
    [found] = folder.problems(node=NODE.replace("zones/", zones))
    assert found.startswith("gslb.yaml:4:8: zones: the folder ")
    assert found.endswith(message)


def test_a_byte_order_mark_and_windows_line_ends_are_read(folder: Folder) -> None:
    folder.write_all()
    text = (folder.path / "zones" / "a.yaml").read_bytes()
    before = folder.load()
    folder.write("zones/a.yaml", text.replace(b"\n", b"\r\n"))
    assert folder.load().digest == before.digest
    folder.write("zones/a.yaml", b"\xef\xbb\xbf" + text)
    assert folder.load().sites == before.sites


def test_digest_follows_every_file_of_the_folder_and_nothing_else(folder: Folder, tmp_path: Path) -> None:
    folder.write("zones/inner", "c A 192.0.2.3\n")
    folder.write("zones/db", "a A 192.0.2.1\n$INCLUDE inner\n")
    zone = ZONE.replace("names:", "zonefile: db\nnames:")
    first = folder.load(zone=zone).digest
    assert folder.load(zone=zone, node=f"{NODE}workers: 1\n").digest == first
    folder.write("zones/unused", "x")
    assert folder.load().digest == first
    copy = Folder(_made(tmp_path / "copy"))
    shutil.copytree(folder.path / "zones", copy.path / "zones", dirs_exist_ok=True)
    copy.write("gslb.yaml", NODE)
    assert copy.load().digest == first
    folder.write("zones/inner", "c A 192.0.2.4\n")
    assert folder.load().digest != first
    folder.write("zones/inner", "c A 192.0.2.3\n")
    (folder.path / "zones" / "a.yaml").rename(folder.path / "zones" / "b.yaml")
    assert folder.load().digest != first


def _made(path: Path) -> Path:
    path.mkdir()
    return path


EXAMPLES = {name: (ROOT / "zones" / name).read_text() for name in ("example.yaml", "zabbix.yaml", "example.com.zone")}
EXAMPLES["gslb.yaml"] = (ROOT / "gslb.example.yaml").read_text()
PIECES = [
    "",
    " ",
    "\n",
    "\t",
    ":",
    "- ",
    "*",
    "&a ",
    "!x ",
    "no",
    "1:30",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "#",
    "$",
    "(",
    ")",
    ";",
    "\\",
    "é",
    "\0",
    "@",
    "-1",
    "99999999999999999999",
    "null",
    "%",
    "|",
    "? ",
    "<<: ",
]
PLACE = re.compile(r".+:[1-9]\d*:[1-9]\d*")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_the_examples_gives_a_config_or_problems_with_places(tmp_path: Path, data: st.DataObject) -> None:
    texts = dict(EXAMPLES)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(texts)))
        at = data.draw(st.integers(0, len(texts[name])))
        cut = data.draw(st.integers(0, 20))
        piece = data.draw(st.sampled_from(PIECES) | st.text(max_size=5).filter(lambda text: text.isprintable()))
        texts[name] = texts[name][:at] + piece + texts[name][at + cut :]
    (tmp_path / "zones").mkdir(exist_ok=True)
    for name, text in texts.items():
        (tmp_path / ("" if name == "gslb.yaml" else "zones") / name).write_text(text, encoding="utf-8")
    try:
        config = load(str(tmp_path / "gslb.yaml"))
    except ConfigError as error:
        problems = error.problems
    else:
        problems = config.warnings
    for problem in problems:
        assert PLACE.fullmatch(problem.where), problem
        file, line, _ = problem.where.rsplit(":", 2)
        assert int(line) <= Path(file).read_text(encoding="utf-8").count("\n") + 2, problem


@pytest.mark.parametrize(
    "text",
    [
        "type: tcp, port: 22, expect: 'a: b, c'",
        "{type: tcp, port: 22, expect: 'a: b, c'}",
        "type=tcp port=22 expect='a: b, c'",
        "type=tcp,port=22,expect='a: b, c'",
        " type=tcp  port=22\n expect='a: b, c'",
    ],
)
def test_a_monitor_from_one_line(text: str) -> None:
    assert load_monitor(text, KINDS) == TcpMonitor(INLINE, 22, expect=b"a: b, c")


def test_values_of_assignments_are_read_as_yaml_reads_them() -> None:
    found = load_monitor("type=http scheme=https verify=false interval=10s path=/a?b=c", KINDS)
    assert found == HttpMonitor(INLINE, 443, scheme="https", verify=False, interval=10.0, path="/a?b=c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "monitors.inline"),
        ("web", "monitors.inline.type: is required"),
        ("type: htp", "is not a type of monitor (got 'htp')"),
        ("type: tcp, port: 0", "monitors.inline.port: must be at least 1 (got 0)"),
        ("type: [", "while parsing a flow node"),
        ("type: tcp, port: 1}, more: {type: icmp", "is not the definition of one monitor"),
        ("type=tcp 'port=1", "no closing quotation"),
        ("type: http, scheme: https, ca: no/such/file", "cannot be read"),
    ],
)
def test_what_is_no_monitor(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_monitor(text, KINDS)
    assert message in str(caught.value)


MASTER = "@ 60 IN SOA ns1 host 1 60 60 60 60\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.53\n"


@pytest.fixture
def copied(folder: Folder) -> tuple[str, Path]:
    """A node file whose zones folder has two files and names a third elsewhere; and a copy of the first two."""
    folder.write_all()
    (folder.path / "zones/more").mkdir()
    folder.write("zones/more/net.zone", MASTER)
    folder.write("outside.zone", MASTER)
    named = "zones: {example.net: {zonefile: more/net.zone}, example.org: {zonefile: ../outside.zone}}\n"
    folder.write("zones/names.yaml", named)
    shutil.copytree(folder.path / "zones", folder.path / "copy")
    return str(folder.path / "gslb.yaml"), folder.path / "copy"


def test_what_was_read_is_told_by_name(copied: tuple[str, Path]) -> None:
    files = ZonesFiles()
    load_with(copied[0], KINDS, files)
    names = {"names.yaml", "more/net.zone", "../outside.zone"}
    assert names < files.contents.keys()
    assert files.contents["more/net.zone"] == MASTER.encode()


def test_a_copy_stands_in_for_the_folder(copied: tuple[str, Path]) -> None:
    path, copy = copied
    before = load(path)
    for file in (copy.parent / "zones").glob("*.yaml"):
        file.unlink()
    again = load_with(path, KINDS, ZonesFiles(copy))
    assert (again.digest, again.zones) == (before.digest, before.zones)
    (copy / "more/net.zone").write_text("nonsense")
    with pytest.raises(ConfigError) as error:
        load_with(path, KINDS, ZonesFiles(copy))
    assert all(str(copy.parent / "zones/") in problem.where for problem in error.value.problems)


def test_files_that_monitors_name_are_those_of_the_copy(folder: Folder) -> None:
    folder.write_all(monitors="web: {type: http, scheme: https, host: www, ca: ca.pem}\nssh: {type: tcp, port: 22}")
    folder.write("zones/ca.pem", "")
    shutil.copytree(folder.path / "zones", folder.path / "copy")
    monitor = load_with(str(folder.path / "gslb.yaml"), KINDS, ZonesFiles(folder.path / "copy")).monitors["web"]
    assert str(folder.path / "copy/ca.pem") in repr(monitor)


def test_alone_a_folder_includes_nothing_from_elsewhere(copied: tuple[str, Path]) -> None:
    path, copy = copied
    with pytest.raises(ConfigError, match="outside of the zones folder, and was not sent along"):
        load_with(path, KINDS, ZonesFiles(copy, alone=True))
    (copy / "names.yaml").write_text("zones: {example.net: {zonefile: more/net.zone}}\n")
    assert len(load_with(path, KINDS, ZonesFiles(copy, alone=True)).zones) == 2
