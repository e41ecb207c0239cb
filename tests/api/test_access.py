"""From an Authorization header to what its bearer may do."""

import asyncio
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gslb.api import access as module
from gslb.api.access import KIND, Access, Grant
from gslb.api.guesses import AGAIN, AT_ONCE
from gslb.api.tokens import INCLUDED, NODE_TOKEN, Token, digest, ensure_token, new_secret
from gslb.errors import ForbiddenError, TooManyRequestsError, UnauthorizedError
from gslb.intents import Target
from tests.config.conftest import Folder

NODE = new_secret("node")[1]
HERE = "192.0.2.1"


class Documents:
    """What a store has at hand."""

    def __init__(self) -> None:
        self.tokens: dict[str, Mapping[str, Any]] = {}

    def kept(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        return {KIND: self.tokens}.get(kind, {})

    def issue(self, scope: str = "read", expires: float = 2000.0, **limits: Any) -> str:
        identity, secret = new_secret()
        token = Token(identity, "ci", scope, 500.0, expires, digest(secret), **limits)  # type: ignore[arg-type]
        self.tokens[identity] = token.to_dict()
        return secret


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def access(documents: Documents) -> Access:
    return Access(NODE, documents, lambda: 1000.0)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_node_token_may_do_everything(access: Access, scheme: str) -> None:
    grant = access.check(f"{scheme} {NODE}", HERE)
    assert grant == Grant(NODE_TOKEN, INCLUDED["admin"])
    assert all(grant.allows(scope) for scope in INCLUDED)
    assert access.used == {}


def test_a_token_is_known_by_its_document(access: Access, documents: Documents) -> None:
    secret = documents.issue("drain", sites=("tokyo",))
    grant = access.check(f"Bearer {secret}", HERE)
    assert (grant.name, grant.scopes, grant.sites, grant.expires) == ("ci", ("read", "drain"), ("tokyo",), 2000.0)
    assert access.used[grant.id] == (1000.0, HERE)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic abc", NODE, f"Token {NODE}"],
    ids=["none", "empty", "blank", "login", "no scheme", "other scheme"],
)
def test_without_a_token(access: Access, header: str) -> None:
    with pytest.raises(UnauthorizedError, match="a token is needed"):
        access.check(header, HERE)
    assert access.guesses.wrong == 0


def wrong_tokens() -> list[str]:
    identity = NODE.split("_")[1]
    return [
        NODE[:-1],
        NODE + "0",
        "x",
        "\u00e9",
        "\udcff",
        "a" * 8000,
        "gslb__",
        f"gslb_{identity}_",
        new_secret("node")[1],
        new_secret()[1],
        f"{NODE} {NODE}",
    ]


@pytest.mark.parametrize("given", wrong_tokens(), ids=range(len(wrong_tokens())))
def test_wrong_tokens(access: Access, given: str) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        access.check(f"Bearer {given}", HERE)
    assert len(given) < 4 or given not in caught.value.message + caught.value.hint
    assert access.guesses.wrong == 1


def test_the_id_alone_opens_nothing(access: Access, documents: Documents) -> None:
    secret = documents.issue()
    for wrong in (secret[:-1] + ("0" if secret[-1] != "0" else "1"), secret.rpartition("_")[0] + "_"):
        with pytest.raises(UnauthorizedError, match="not known here"):
            access.check(f"Bearer {wrong}", HERE)


def test_an_expired_token_says_so(access: Access, documents: Documents) -> None:
    with pytest.raises(UnauthorizedError, match="the token 'ci' expired at 1970-01-01 00:15:00Z"):
        access.check(f"Bearer {documents.issue(expires=900.0)}", HERE)
    assert access.used == {}


def test_a_revoked_token_is_refused(access: Access, documents: Documents) -> None:
    header = f"Bearer {documents.issue()}"
    access.check(header, HERE)
    documents.tokens.clear()
    with pytest.raises(UnauthorizedError):
        access.check(header, HERE)


def test_a_damaged_document_opens_nothing(access: Access, documents: Documents) -> None:
    secret = documents.issue()
    (identity,) = documents.tokens
    documents.tokens[identity] = {**documents.tokens[identity], "scope": "root"}
    with pytest.raises(UnauthorizedError):
        access.check(f"Bearer {secret}", HERE)


def test_wrong_tokens_are_limited_and_a_right_one_beside_them_passes(access: Access) -> None:
    for _ in range(AT_ONCE):
        with pytest.raises(UnauthorizedError):
            access.check("Bearer wrong", HERE)
    with pytest.raises(TooManyRequestsError) as caught:
        access.check("Bearer wrong", HERE)
    assert (caught.value.retry_after, caught.value.http_status) == (AGAIN, 429)
    assert access.check(f"Bearer {NODE}", HERE).name == NODE_TOKEN


def test_ten_thousand_guesses_are_refused_within_a_second(access: Access, documents: Documents) -> None:
    documents.issue()
    (identity,) = documents.tokens
    wrong = [f"Bearer gslb_{identity}_{random.getrandbits(256):064x}" for _ in range(10_000)]
    began = time.process_time()  # of the processor: what else the machine does is not ours
    for header in wrong:
        with pytest.raises((UnauthorizedError, TooManyRequestsError)):
            access.check(header, HERE)
    assert time.process_time() - began < 1.0
    assert access.guesses.limited > 9_900


POOLS = """
web:
  members:
    tokyo: {site: tokyo, addresses: [192.0.2.1]}
    osaka: {site: osaka, addresses: [192.0.2.2]}
"""


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        ({"sites": ("tokyo",)}, {"site/tokyo", "member/web/tokyo"}),
        ({"pools": ("web",)}, {"pool/web", "member/web/tokyo", "member/web/osaka", "member/web/nara"}),
        ({"sites": ("osaka",), "pools": ("db",)}, {"site/osaka", "member/web/osaka"}),
        ({}, {"site/tokyo", "site/osaka", "pool/web", "member/web/tokyo", "member/web/osaka", "member/web/nara"}),
    ],
)
def test_limits(tmp_path: Path, limits: dict[str, Any], allowed: set[str]) -> None:
    folder = Folder(tmp_path)
    config = folder.load(pools=POOLS)
    grant = Grant("ci", INCLUDED["drain"], **limits)
    targets = ("site/tokyo", "site/osaka", "pool/web", "member/web/tokyo", "member/web/osaka", "member/web/nara")
    assert {text for text in targets if grant.allows("drain", Target.parse(text), config)} == allowed
    assert grant.limited == bool(limits)
    assert grant.allows("read")
    assert not grant.allows("admin", Target.parse("site/tokyo"), config)


def test_without_a_configuration_a_member_is_at_no_site() -> None:
    grant = Grant("ci", INCLUDED["drain"], sites=("tokyo",))
    assert not grant.allows("drain", Target.parse("member/web/tokyo"))


def test_what_is_forbidden_says_what_is_allowed() -> None:
    grant = Grant("ci", INCLUDED["drain"], sites=("tokyo",), pools=("db",))
    grant.require("drain", Target.parse("site/tokyo"))
    with pytest.raises(ForbiddenError, match="'ci' may not drain pool/web: it is for site/tokyo, pool/db") as caught:
        grant.require("drain", Target.parse("pool/web"))
    assert (caught.value.pointer, caught.value.http_status) == ("/target", 403)
    with pytest.raises(ForbiddenError, match="its scopes are read, drain") as caught:
        grant.require("admin")
    assert "--scope admin" in caught.value.hint


async def test_another_node_token_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)
    path = tmp_path / "token"
    first = ensure_token(str(path))
    access = Access(first, Documents())
    task = asyncio.create_task(access.keep_own(str(path)))
    await asyncio.sleep(0.03)
    path.unlink()

    async def changed() -> str:
        async with asyncio.timeout(3):
            while True:
                await asyncio.sleep(0.01)
                if path.exists():
                    try:
                        access.check(f"Bearer {path.read_text().strip()}", HERE)
                    except (UnauthorizedError, TooManyRequestsError):
                        continue
                    return path.read_text().strip()

    second = await changed()
    assert second != first
    with pytest.raises((UnauthorizedError, TooManyRequestsError)):
        access.check(f"Bearer {first}", HERE)
    path.write_text("short")  # cannot be used: the one before stays good
    await asyncio.sleep(0.05)
    assert access.check(f"Bearer {second}", HERE).name == NODE_TOKEN
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
