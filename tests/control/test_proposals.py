"""Zones folders that are proposed: read, put on disk for a moment, planned, gone again; and a plan that comes true."""

import random
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest

from gslb.context import UDP, Context
from gslb.control import proposals as module
from gslb.control.clients import sample
from gslb.control.explain import Question, query_of
from gslb.control.proposals import plan_files, plan_folders, read_folder
from gslb.control.pushes import Push
from gslb.dns.message import A
from gslb.dns.name import from_text
from gslb.errors import ConfigError, RequestError, StateError
from gslb.responder import respond
from gslb.store.audit import Actor
from gslb.table.entries import Table
from tests.control.lone_controller import controlled
from tests.whole_node import SITES, Node


def test_a_folder_is_read_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("web.yaml", "include/big.zone", ".git/config", ".swp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert read_folder(str(tmp_path)) == {name: name for name in ("include/big.zone", "web.yaml")}


def test_folders_that_cannot_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="no file"):
        read_folder(str(tmp_path))
    (tmp_path / "a.yaml").write_bytes(b"\xff")
    with pytest.raises(RequestError, match="is not UTF-8"):
        read_folder(str(tmp_path))
    (tmp_path / "a.yaml").write_text("x" * 100)
    monkeypatch.setattr(module, "LARGEST", 99)
    with pytest.raises(RequestError, match="larger than"):
        read_folder(str(tmp_path))
    with pytest.raises(RequestError, match="no file"):
        read_folder(str(tmp_path / "missing"))


@pytest.mark.parametrize(
    "name", ["../a.yaml", "/etc/a.yaml", "a/../../b", "", ".", "a//b", "a\0b", "a\nb", "./a", "x" * 1001, "x" * 256]
)
async def test_files_stay_in_their_folder(stopped_node: Node, name: str) -> None:
    async with controlled(stopped_node) as controller:
        with pytest.raises(RequestError, match="not the name of a file"):
            await controller.reloading.plan({name: "x"})


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a/b/c")])
async def test_what_is_both_a_file_and_a_folder_is_refused(stopped_node: Node, names: tuple[str, str]) -> None:
    async with controlled(stopped_node) as controller:
        with pytest.raises(RequestError, match="both a file and a folder") as refused:
            await controller.reloading.plan(dict.fromkeys(names, ""))
        assert refused.value.pointer == "/files"


async def test_a_plan_changes_nothing_and_leaves_nothing(stopped_node: Node) -> None:
    async with controlled(stopped_node) as controller:
        before, left = controller.plan, sorted(path.name for path in (stopped_node.folder / "state").iterdir())
        found = await controller.reloading.plan({"test.yaml": stopped_node.zones.replace("weight: 60", "weight: 10")})
        assert found["digest"]["before"] == before.config.digest != found["digest"]["after"]
        assert found["moved"] == pytest.approx(0.4)
        assert controller.plan is before
        assert sorted(path.name for path in (stopped_node.folder / "state").iterdir()) == left


async def test_problems_have_places_in_the_folder(stopped_node: Node) -> None:
    async with controlled(stopped_node) as controller:
        files = {"web/ignored.txt": "", "web.yaml": stopped_node.zones.replace("weight: 60", "weight: -1")}
        with pytest.raises(ConfigError) as error:
            await controller.reloading.plan(files)
        assert [problem.where.rpartition(":")[0] for problem in error.value.problems] == ["web.yaml:11"]
        assert controller.problems == ()


MASTER = """\
@ 3600 IN SOA ns1 hostmaster 1 3600 600 604800 30
@ 3600 IN NS ns1
ns1 3600 IN A 192.0.2.53
"""


async def test_master_files_come_with_the_others_and_from_nowhere_else(stopped_node: Node) -> None:
    (stopped_node.folder / "secret").write_text(MASTER)
    async with controlled(stopped_node) as controller:
        for name in (str(stopped_node.folder / "secret"), "../secret", "more/../../secret"):
            text = f"{stopped_node.zones}  example.net: {{zonefile: {name}}}\n"
            with pytest.raises(ConfigError, match="was not sent along"):
                await controller.reloading.plan({"test.yaml": text})
        text = f"{stopped_node.zones}  example.net: {{zonefile: more/net.zone}}\n"
        found = await controller.reloading.plan({"test.yaml": text, "more/net.zone": MASTER})
        assert found["changes"]["zones"]["added"] == ["example.net."]


async def test_state_that_cannot_be_written_is_told(stopped_node: Node) -> None:
    async with controlled(stopped_node) as controller:
        with pytest.raises(StateError, match="cannot be kept"):
            plan_files(stopped_node.path, controller.moment(), {"a.yaml": ""}, str(stopped_node.folder / "missing"))


def test_two_folders_without_a_node(stopped_node: Node) -> None:
    other = stopped_node.folder / "other"
    other.mkdir()
    (other / "test.yaml").write_text(stopped_node.zones.replace("weight: 60", "weight: 10"))
    zones = str(stopped_node.folder / "zones")
    assert plan_folders(stopped_node.path, zones, str(other))["moved"] == pytest.approx(0.4)
    (other / "test.yaml").write_text("sites: 5")
    with pytest.raises(ConfigError, match=r"\ntest\.yaml:1"):
        plan_folders(stopped_node.path, zones, str(other))


@pytest.mark.parametrize("policy", ["weighted", "hash"])
async def test_a_plan_comes_true(stopped_node: Node, policy: str) -> None:
    """30 % of the clients are said to move; ask 10,000 of them before and after a real reload."""
    node, qname = stopped_node, "www"
    if policy == "hash":
        node.write_zones(node.zones.replace("    monitors: [web]\n", "    policy: hash\n    monitors: [web]\n"))
    after = node.zones.replace("weight: 60", "weight: 30").replace("weight: 40", "weight: 70")
    async with controlled(node) as controller:
        plan = await controller.reloading.plan({"test.yaml": after})
        clients = sample([controller.moment().plan.base], 10_000, seed=7)
        before = [asked(controller.moment().served.table, qname, client) for client in clients]
        node.write_zones(after)
        await controller.reloading.reload(Push(Actor("ann")))
        now = [asked(controller.moment().served.table, qname, client) for client in clients]
    if policy == "hash":
        measured = sum(one != other for one, other in zip(before, now, strict=True)) / len(clients)
    else:
        counts = Counter(before), Counter(now)
        measured = sum(max(0, counts[0][site] - counts[1][site]) for site in counts[0]) / len(clients)
    assert plan["worst"]["moved"] == pytest.approx(0.3, abs=0.02)
    assert measured == pytest.approx(plan["worst"]["moved"], abs=0.02)


def asked(table: Table, qname: str, client: bytes) -> str:
    """The site that one client is sent to."""
    question = Question(from_text(f"{qname}.gslb.example.com."), A, client)
    reply = respond(Context(table, random.Random()), query_of(question), client, UDP)
    assert reply is not None
    begin = 12 + len(question.name) + 4 + 12
    return next(name for name, host in SITES.items() if host == str(ip_address(reply[begin : begin + 4])))
