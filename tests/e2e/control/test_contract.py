"""The whole API against its own document: schemathesis with all of its checks, and who may do what."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gslb.api.call import OPEN, Route
from gslb.api.routes import ROUTES
from gslb.api.spec import plain_path
from tests.conftest import ENVIRONMENT
from tests.e2e.kit import Node

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
_PER_OPERATION = {"ci": 3, "long": 150}


def schemathesis(node: Node, examples: int, seed: int) -> tuple[int, str]:
    """Exit status and output of a run against a node, with its own token."""
    argv = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"),
        f"http://127.0.0.1:{node.api}/api/v1/openapi.json",
        *("--header", f"Authorization: Bearer {(node.state / 'token').read_text().strip()}"),
        *("--header", "Connection: close", "--checks", "all", "--max-examples", str(examples), "--seed", str(seed)),
        *("--continue-on-failure", "--no-shrink", "--no-color", "--generation-database", "none"),
    ]
    environment = {**ENVIRONMENT, "SCHEMATHESIS_HOOKS": "tests.e2e.control.hooks"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=1800, env=environment, cwd=node.folder)
    return done.returncode, done.stdout + done.stderr


def check(node: Node, form: str, least: int, seed: int) -> None:
    status, said = schemathesis(node, _PER_OPERATION[form], seed)
    (node.folder / "schemathesis.txt").write_text(said)
    summary = said[said.rfind("API Operations:") :]
    cases = int(next(iter(re.findall(r"(\d+) generated", summary)), 0))
    took = next(iter(re.findall(r"in ([0-9.]+s) =+$", summary, re.MULTILINE)), "?")
    print(f"\n{cases} cases in {took}, exit status {status}, seed {seed}")
    assert status == 0, said[-12_000:]
    assert f"Tested: {len(ROUTES) - 1}" in re.sub(" +", " ", summary)  # it leaves out where the document itself is
    assert cases >= least
    assert "Traceback" not in node.log(), node.log()[-4000:]
    assert node.fresh()


def test_no_request_makes_an_error_or_an_answer_that_the_document_does_not_promise(node: Node) -> None:
    check(node, "ci", 1500, 1)


@pytest.mark.soak
def test_none_of_ten_thousand_does(node: Node) -> None:
    check(node, "long", 10_000, 11)


def paths() -> Iterator[tuple[Route[Any, Any], str]]:
    """Every operation behind a token, with a path of it."""
    for route in ROUTES:
        if route.scope != OPEN:
            yield route, re.sub(r"\{\w+\}", "x", plain_path(route.path))


def created(node: Node, scope: str) -> str:
    answer = node.call("POST", "/api/v1/tokens", {"name": scope, "scope": scope, "for": "1h"})
    assert answer.status == 201, answer
    return str(answer.body["token"])


def test_every_operation_wants_a_token_of_its_scope(node: Node) -> None:
    tokens = {scope: created(node, scope) for scope in ("read", "push", "drain", "admin")}
    has = {"read": {"read"}, "push": {"push"}, "drain": {"read", "drain"}, "admin": {"read", "push", "drain", "admin"}}
    before = node.call("GET", "/api/v1/config").body["digest"], node.call("GET", "/api/v1/audit").body["records"][0]
    refused = 0
    for route, path in paths():
        assert node.call(route.method, path, token="").status == 401, route
        for scope, token in tokens.items():
            if route.scope not in has[scope]:
                answer = node.call(route.method, path, {}, token=token)
                assert (answer.status, answer.kind) == (403, "application/problem+json"), (route, scope)
                assert token not in json.dumps(answer.body)
                refused += 1
    after = node.call("GET", "/api/v1/config").body["digest"], node.call("GET", "/api/v1/audit").body["records"][0]
    print(f"\n{len(list(paths()))} operations: 401 without a token, {refused} combinations with a lesser scope 403")
    assert after == before
    for route, path in paths():  # and what has the scope is not refused for it
        if route.method == "GET":
            assert node.call("GET", path, token=tokens[route.scope]).status in (200, 400, 404, 422), route


def test_wrong_tokens_are_refused_by_every_operation(node: Node) -> None:
    wrong = {node.call(route.method, path, {}, token="gslb_00000000_" + "0" * 64).status for route, path in paths()}
    assert wrong <= {401, 429}
