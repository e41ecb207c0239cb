"""The lab's check of a delegation, against real servers behind a private root: a right one, and wrong ones."""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.lab.delegation import differences
from deploy.lab.foot import enter
from tests.resolver import world as worlds
from tests.resolver.world import NODE, NS1, NS2, PARENT, made

pytestmark = pytest.mark.e2e

ZONE = "example.com"
NS1_6, NS2_6 = "2001:db8:a::53", "2001:db8:b::53"
RIGHT = worlds.ZONES["com."] + f"ns1.example AAAA {NS1_6}\nns2.example AAAA {NS2_6}\n"
Judge = Callable[[str], list[str]]
BOTH_FAMILIES = NODE.replace("listen: {dns: [", f'listen: {{dns: ["[{NS1_6}]:53", "[{NS2_6}]:53", ')


@pytest.fixture
def judge(need: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    """What is found where the parent says `parent`."""
    with made(need, tmp_path) as world:
        for address in (NS1_6, NS2_6):
            subprocess.run([need("ip"), "-n", world.name, "address", "add", f"{address}/128", "dev", "lo"], check=True)

        def found(parent: str) -> list[str]:
            monkeypatch.setitem(worlds.ZONES, "com.", parent)
            world.serve(BOTH_FAMILIES)
            with ThreadPoolExecutor(1, initializer=enter, initargs=(world.name,)) as thread:
                return thread.submit(differences, ZONE, PARENT).result()

        yield found


def test_a_right_one(judge: Judge) -> None:
    assert judge(RIGHT) == []


def test_a_server_that_only_the_parent_knows_and_glue_of_another_machine(judge: Judge) -> None:
    found = judge(RIGHT.replace(f"ns2.example A {NS2}", f"ns2.example A {PARENT}") + "example NS ns3.example\n")
    assert "the parent: expected glue for ns3.example.com., found none" in found
    told = f"ns1.example.com. at {NS1} by"
    for transport in ("UDP", "TCP"):
        names = ["ns1.example.com.", "ns2.example.com.", "ns3.example.com."]
        assert f"{told} {transport}: example.com NS: the parent says {names}, found {names[:2]}" in found
        assert f"{told} {transport}: ns2.example.com. A: the parent says ['{PARENT}'], found ['{NS2}']" in found
        wrong = f"ns2.example.com. at {PARENT} by {transport}: example.com SOA: expected an authoritative answer"
        assert any(line.startswith(wrong) for line in found)


def test_one_name_server_alone(judge: Judge) -> None:
    found = judge("".join(line for line in RIGHT.splitlines(keepends=True) if "ns2" not in line))
    assert "the parent: expected two name servers or more, found ['ns1.example.com.']" in found
