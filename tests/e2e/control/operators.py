"""Operators at random: what each did and was told, and what must be there after all of it."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.kit import Answer, Node

Json = dict[str, Any]
TARGETS = ("site/tokyo", "site/osaka", "pool/api", "member/web/tokyo", "member/web/paris", "member/api/osaka")
LATER = 600.0  # seconds that an extension adds
_CLI_EVERY = 12  # operations of which one goes through the command line


@dataclass
class Done:
    """One change that was made: `before` is what the operator saw of it, `wish` what he asked for."""

    action: str
    after: Json
    wish: Json = field(default_factory=dict)


class Operator:
    """One who changes drains, holds and forces, his own and those of others, as they come."""

    def __init__(self, node: Node, name: str, seed: int, folder: Path) -> None:
        answer = node.call("POST", "/api/v1/tokens", {"name": name, "scope": "drain", "for": "1h"})
        self.name = name
        self.token = str(answer.body["token"])
        self.done: list[Done] = []
        self.refused: Counter[int] = Counter()
        self.commands = 0
        self._node = node
        self._random = random.Random(seed)
        self._token_file = folder / f"token-of-{name}"
        self._token_file.write_text(self.token)
        self._token_file.chmod(0o600)

    def work(self, operations: int) -> None:
        """So many operations."""
        for number in range(operations):
            standing = self._standing()
            by_command = number % _CLI_EVERY == 0
            if standing and self._random.random() < 0.6:
                one = self._random.choice(standing)
                (self._end if self._random.random() < 0.45 else self._change)(one, by_command)
            else:
                self._begin(by_command)

    def _standing(self) -> list[Json]:
        found: list[Json] = []
        for kind in ("drains", "holds", "forces"):
            found += self._node.call("GET", f"/api/v1/{kind}", token=self.token).body[kind]
        return found

    def _begin(self, by_command: bool) -> None:
        kind, target = self._random.choice(("drain", "drain", "hold", "force")), self._random.choice(TARGETS)
        wish: Json = {"target": target, "reason": f"begun by {self.name}", "for": "1h"}
        if kind == "drain":
            wish["percent"] = self._random.choice((10, 50, 100))
        if kind == "force":
            wish["up"] = self._random.random() < 0.5
        if kind != "hold":
            wish["force"] = self._random.random() < 0.5
        if by_command:
            options = ["--percent", str(wish["percent"])] if kind == "drain" else []
            verdict = ["up" if wish["up"] else "down"] if kind == "force" else []
            options += ["--force"] if wish.get("force") else []
            self._command(kind, kind, target, *verdict, "--for", "1h", "--reason", wish["reason"], *options, wish=wish)
        elif self._random.random() < 0.1:
            self._dry("POST", f"/api/v1/{kind}s", wish)
        else:
            self._keep(kind, self._node.call("POST", f"/api/v1/{kind}s", wish, token=self.token), wish)

    def _change(self, one: Json, by_command: bool) -> None:
        if by_command:
            self._command("change", "extend", one["id"], "10m", wish={"extend": "10m"})
            return
        wish: Json = self._random.choice(({"extend": "10m"}, {"reason": f"changed by {self.name}"}, {"percent": 25}))
        if "percent" in wish and one["id"][0] != "d":
            wish = {"extend": "10m"}
        wish["force"] = self._random.random() < 0.5
        self._keep("change", self._node.call("PATCH", place(one), wish, token=self.token), wish)

    def _end(self, one: Json, by_command: bool) -> None:
        if by_command:
            self._command("cancel", "cancel", one["id"], "--reason", f"ended by {self.name}")
            return
        path = f"{place(one)}?reason=ended%20by%20{self.name}"
        if self._random.random() < 0.1:
            self._dry("DELETE", path, None)
        else:
            self._keep("cancel", self._node.call("DELETE", path, token=self.token))

    def _dry(self, method: str, path: str, wish: Json | None) -> None:
        glue = "&" if "?" in path else "?"
        answer = self._node.call(method, f"{path}{glue}dry_run=true", wish, token=self.token)
        assert answer.status in (200, 409), answer
        assert answer.status == 409 or answer.body["dry_run"]

    def _keep(self, action: str, answer: Answer, wish: Json | None = None) -> None:
        if answer.status in (200, 201):
            self.done.append(Done(action, answer.body, wish or {}))
        else:
            assert answer.status in (409, 412), answer
            self.refused[answer.status] += 1

    def _command(self, action: str, *words: str, wish: Json | None = None) -> None:
        self.commands += 1
        done = self._node.verb(*words, "--json", "--token-file", str(self._token_file))
        if done.stdout.startswith("{"):  # also where a worker was late, which is exit code 1
            body = json.loads(done.stdout)
            for after in body.get("ended", [body]):
                self.done.append(Done(action, after, wish or {}))
        else:
            assert any(word in done.stderr for word in ("already", "keep", "ended", "changed", "no ")), done.stderr
            self.refused[1] += 1


def place(one: Json) -> str:
    """The path of an intent."""
    kind = {"d": "drains", "h": "holds", "f": "forces"}[one["id"][0]]
    return f"/api/v1/{kind}/{one['id']}"


def expected(done: list[Done]) -> dict[str, Json]:
    """What is there after all of this, by id; fails where a change does not follow from the one before it."""
    states: dict[str, Json] = {}
    changes = sorted((one for one in done if one.action != "cancel"), key=lambda one: int(one.after["changed"]))
    for one in changes:
        after, before = one.after, states.get(one.after["id"])
        if one.action != "change":
            assert before is None, f"{after['id']} began twice"
            assert after["target"] == one.wish["target"]
            assert after["reason"] == one.wish["reason"]
        else:
            assert before is not None, f"{after['id']} was changed before it began"
            assert after["changed"] == before["changed"] + 1, f"a change of {after['id']} was lost"
            _require_follows(before, after, one.wish)
        states[after["id"]] = after
    for one in done:
        if one.action == "cancel":
            states[one.after["id"]] = {**states[one.after["id"]], "removed": True}
    return states


def _require_follows(before: Json, after: Json, wish: Json) -> None:
    later = before["expires"] + (LATER if "extend" in wish else 0.0)
    assert abs(after["expires"] - later) < 1e-3, (before, after, wish)
    assert after["reason"] == wish.get("reason", before["reason"])
    if "percent" in after:
        assert after["percent"] == wish.get("percent", before["percent"])
    for same in ("id", "target", "owner", "created", "starts", "local"):
        assert after[same] == before[same]
