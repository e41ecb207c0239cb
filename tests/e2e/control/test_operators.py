"""Two operators at once: nobody's change is lost, what they did is recorded, and a record that was altered is found."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.control.operators import Operator, expected
from tests.e2e.kit import Answer, Node

pytestmark = pytest.mark.e2e
_SAME = ("id", "target", "reason", "owner", "created", "expires", "starts", "changed")


def at_once(node: Node, operations: int, folder: Path) -> list[Operator]:
    """Two operators, each with half of the operations."""
    operators = [Operator(node, name, seed, folder) for seed, name in enumerate(("anna", "bert"))]
    errors: list[BaseException] = []

    def work(operator: Operator) -> None:
        try:
            operator.work(operations // 2)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(operator,)) for operator in operators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return operators


def check(node: Node, operations: int, folder: Path) -> None:
    before = audit(node)
    operators = at_once(node, operations, folder)
    done = [one for operator in operators for one in operator.done]
    states, found = expected(done), intents(node)
    assert set(found) == set(states)
    for identity, state in states.items():
        there = found[identity]
        assert {key: there[key] for key in _SAME} == {key: state[key] for key in _SAME}
        assert (there["removed"] is not None) == bool(state["removed"])
        assert there.get("percent") == state.get("percent")
    records = audit(node)
    records = records[: len(records) - len(before)]
    ended = {one.after["id"] for one in done if one.action == "cancel"}
    deeds = [record for record in records if record["action"] != "token-use" and record["actor"] in ("anna", "bert")]
    assert len(deeds) == len([one for one in done if one.action != "cancel"]) + len(ended)
    assert node.verb("audit", "verify").returncode == 0
    commands = sum(operator.commands for operator in operators)
    refused = sum((operator.refused for operator in operators), start=operators[0].refused.__class__())
    print(
        f"\n{operations} operations by two at once, {commands} of them commands: {len(done)} done, refused"
        f" {dict(refused)}; {len(states)} intents, {len(ended)} ended, {len(records)} records, the chain is whole"
    )


def intents(node: Node) -> dict[str, Any]:
    found = [one for kind in ("drains", "holds", "forces") for one in everything(node, kind, "?all=true")]
    return {one["id"]: one for one in found}


def audit(node: Node) -> list[dict[str, Any]]:
    return everything(node, "audit", "?limit=1000", "records")


def everything(node: Node, kind: str, query: str, key: str = "") -> list[dict[str, Any]]:
    """All pages."""
    answer: Answer = node.call("GET", f"/api/v1/{kind}{query}")
    found: list[dict[str, Any]] = answer.body[key or kind]
    while after := answer.body["next"]:
        answer = node.call("GET", f"/api/v1/{kind}{query}&cursor={after}")
        found += answer.body[key or kind]
    return found


def test_two_operators_at_once(node: Node, tmp_path: Path) -> None:
    check(node, 200, tmp_path)
    check_altered(node, tmp_path)


@pytest.mark.soak
def test_a_thousand_operations_of_two_at_once(node: Node, tmp_path: Path) -> None:
    check(node, 1000, tmp_path)
    check_altered(node, tmp_path)


def check_altered(node: Node, folder: Path) -> None:
    """A changed octet of the record is found, wherever it stands, and so is an entry that is gone."""
    whole = node.verb("audit", "verify", "--file", str(node.state))
    assert whole.returncode == 0, whole.stdout
    node.stop()
    database = node.state / "gslb.sqlite"
    octets = database.read_bytes()
    places = [at for at in range(len(octets)) if octets.startswith(b"ended by ", at)]
    assert places
    for at in places[:: max(len(places) // 5, 1)]:
        altered = folder / "altered.sqlite"
        shutil.copy(database, altered)
        with altered.open("r+b") as file:
            file.seek(at)
            file.write(b"E")
        found = node.verb("audit", "verify", "--file", str(altered))
        assert found.returncode == 1, (at, found.stdout)
        assert "was changed" in found.stdout
        altered.unlink()
    with database.open("r+b") as file:
        file.seek(places[0])
        file.write(b"E")
    node.start().ready()
    found = node.verb("audit", "verify")
    assert found.returncode == 1
    assert "was changed" in found.stdout
