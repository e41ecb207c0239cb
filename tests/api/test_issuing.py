"""Tokens made and revoked, on the real store of a node."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gslb.api import issuing as module
from gslb.api.access import KIND, Access
from gslb.api.issuing import A_DAY, USES, Issuing, TokenWish
from gslb.api.tokens import NODE_TOKEN, new_secret
from gslb.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    StoreError,
    TooManyRequestsError,
    UnauthorizedError,
)
from gslb.store.audit import Actor
from gslb.store.auditpages import AuditWanted
from gslb.store.sqlite import SqliteStore
from tests.config.conftest import Folder
from tests.etcd_kit import Cluster
from tests.store.nodes_kit import nodes, until

ADMIN = Actor(NODE_TOKEN, "192.0.2.9")
LATER = 4e9


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(str(tmp_path / "gslb.sqlite"), "tokyo-1")
    yield store
    await store.close()


@pytest.fixture
def access(store: SqliteStore) -> Access:
    return Access(new_secret("node")[1], store)


@pytest.fixture
def issuing(tmp_path: Path, store: SqliteStore, access: Access) -> Issuing:
    config = Folder(tmp_path).load()
    return Issuing(store, access, lambda: config)


async def recorded(store: SqliteStore) -> list[tuple[str, str, str]]:
    page = await store.audit(AuditWanted())
    return [(record.action, record.actor, record.subject) for record in page.records]


async def test_a_token_opens_until_it_is_revoked(store: SqliteStore, access: Access, issuing: Issuing) -> None:
    token, secret = await issuing.create(TokenWish("ci", "drain", LATER, ("tokyo",)), ADMIN)
    grant = access.check(f"Bearer {secret}", "192.0.2.1")
    assert (grant.name, grant.sites, grant.id) == ("ci", ("tokyo",), token.id)
    assert await issuing.revoke("ci", ADMIN, "left") == token
    with pytest.raises(UnauthorizedError):
        access.check(f"Bearer {secret}", "192.0.2.1")
    assert await recorded(store) == [("token-revoke", NODE_TOKEN, token.id), ("token-create", NODE_TOKEN, token.id)]


async def test_the_secret_and_its_digest_are_nowhere(tmp_path: Path, store: SqliteStore, issuing: Issuing) -> None:
    token, secret = await issuing.create(TokenWish("ci", "drain", LATER, ("tokyo",)), ADMIN)
    page = await store.audit(AuditWanted())
    shown = json.dumps([issuing.view(token), [record.to_dict() for record in page.records]])
    assert secret.rpartition("_")[2] not in shown
    assert token.digest not in shown
    assert page.records[0].after == {
        "name": "ci",
        "scope": "drain",
        "expires": LATER,
        "sites": ["tokyo"],
        "pools": [],
        "by": NODE_TOKEN,
    }
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert secret.rpartition("_")[2].encode() not in files
    assert token.digest.encode() in files  # so that the search is known to find


async def test_tokens_last_over_a_restart(tmp_path: Path, access: Access, issuing: Issuing) -> None:
    _, secret = await issuing.create(TokenWish("ci", "read", LATER), ADMIN)
    again = await SqliteStore.open(str(tmp_path / "gslb.sqlite"), "tokyo-1")
    assert Access(new_secret()[1], again).check(f"Bearer {secret}", "").name == "ci"
    await again.close()


async def test_a_name_is_given_once(issuing: Issuing) -> None:
    await issuing.create(TokenWish("ci", "read", LATER), ADMIN)
    with pytest.raises(ConflictError, match="there is a token 'ci' already"):
        await issuing.create(TokenWish("ci", "read", LATER), ADMIN)
    await issuing.revoke("ci", ADMIN)
    await issuing.create(TokenWish("ci", "admin", LATER), ADMIN)


async def test_of_two_at_once_one_gets_the_name(issuing: Issuing) -> None:
    made = (issuing.create(TokenWish("ci", scope, LATER), ADMIN) for scope in ("read", "admin"))
    found = await asyncio.gather(*made, return_exceptions=True)
    assert [isinstance(one, ConflictError) for one in found] == [False, True]


async def test_of_two_with_one_name_the_id_tells_which(store: SqliteStore, issuing: Issuing) -> None:
    token, _ = await issuing.create(TokenWish("ci", "read", LATER), ADMIN)
    other, _ = await issuing.create(TokenWish("cd", "read", LATER), ADMIN)  # as two nodes at once would
    await store.keep(KIND, other.id, {**other.to_dict(), "name": "ci"}, module.Deed("test", ADMIN))
    with pytest.raises(ConflictError, match="2 tokens") as caught:
        issuing.find("ci")
    assert token.id in caught.value.hint
    assert issuing.find(token.id) == token


@pytest.mark.parametrize(
    ("wish", "error", "said"),
    [
        (TokenWish("a", "drain", LATER, ("tokio",)), NotFoundError, "no site/tokio"),
        (TokenWish("a", "drain", LATER, (), ("wep",)), NotFoundError, "no pool/wep"),
        (TokenWish("a", "admin", LATER, ("tokyo",)), InvalidError, "only a token of the scope drain"),
        (TokenWish("a", "read", LATER, (), ("web",)), InvalidError, "only a token of the scope drain"),
    ],
)
async def test_what_cannot_be_made(issuing: Issuing, wish: TokenWish, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        await issuing.create(wish, ADMIN)
    assert issuing.known() == []


async def test_there_is_a_limit(issuing: Issuing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    await issuing.create(TokenWish("a", "read", LATER), ADMIN)
    with pytest.raises(ConflictError, match="at most 1"):
        await issuing.create(TokenWish("b", "read", LATER), ADMIN)


async def test_an_unknown_token_cannot_be_revoked(issuing: Issuing) -> None:
    with pytest.raises(NotFoundError, match="no token 'ci'"):
        await issuing.revoke("ci", ADMIN)
    with pytest.raises(NotFoundError) as caught:
        await issuing.revoke(NODE_TOKEN, ADMIN)
    assert "state folder" in caught.value.hint


async def test_a_damaged_token_is_not_shown(store: SqliteStore, issuing: Issuing) -> None:
    await store.keep(KIND, "00000000", {"name": "x"}, module.Deed("test", ADMIN))
    assert issuing.known() == []


async def test_uses_are_written_once_a_day(store: SqliteStore, access: Access, issuing: Issuing) -> None:
    token, secret = await issuing.create(TokenWish("ci", "read", LATER), ADMIN)
    assert issuing.view(token)["used"] is None
    for source in ("192.0.2.1", "192.0.2.2"):
        access.check(f"Bearer {secret}", source)
        await issuing.tell_uses()
    used = access.used[token.id]
    assert store.kept(USES)[token.id] == {"at": store.kept(USES)[token.id]["at"], "source": "192.0.2.1"}
    assert issuing.view(token)["used"] == used.at
    assert [action for action, *_ in await recorded(store)] == ["token-use", "token-create"]
    access.used[token.id] = used._replace(at=used.at + A_DAY)
    await issuing.tell_uses()
    assert [action for action, *_ in await recorded(store)][:2] == ["token-use", "token-use"]
    # Another node, where it was not used, shows what was told.
    assert Issuing(store, Access("", store), lambda: None).view(token)["used"] == used.at + A_DAY  # type: ignore[arg-type,return-value]
    await issuing.revoke("ci", ADMIN)
    await issuing.tell_uses()
    assert store.kept(USES) == {}
    assert access.used == {}


async def test_uses_are_told_again_and_again(
    store: SqliteStore, access: Access, issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TELL_USES_EVERY", 0.01)
    token, secret = await issuing.create(TokenWish("ci", "read", LATER), ADMIN)
    task = asyncio.create_task(issuing.keep_uses())
    access.check(f"Bearer {secret}", "")
    async with asyncio.timeout(3):
        while token.id not in store.kept(USES):
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_token_holds_and_ends_at_every_node_within_a_second_and_outlives_the_store(tmp_path: Path) -> None:
    config = Folder(tmp_path).load()
    with Cluster(tmp_path / "etcd") as cluster:
        async with nodes(cluster.access(), "/tokens", tmp_path) as trio:
            accesses = [Access(new_secret("node")[1], node.store) for node in trio]
            issuings = [
                Issuing(node.store, access, lambda: config) for node, access in zip(trio, accesses, strict=True)
            ]

            def good(secret: str) -> set[bool]:
                return {opens(access, secret) for access in accesses}

            token, secret = await issuings[0].create(TokenWish("ci", "read", LATER), ADMIN)
            assert await until(lambda: good(secret) == {True}) < 1.0
            _, kept = await issuings[1].create(TokenWish("cd", "read", LATER), ADMIN)
            await issuings[2].revoke(token.id, ADMIN)
            assert await until(lambda: good(secret) == {False}) < 1.0
            assert await until(lambda: good(kept) == {True}) < 1.0
            cluster.members[0].kill()
            assert good(kept) == {True}
            with pytest.raises(StoreError):
                await issuings[0].create(TokenWish("late", "read", LATER), ADMIN)
            await trio[1].kill()
            await trio[1].start(registered=False)
            assert opens(Access("", trio[1].store), kept)


def opens(access: Access, secret: str) -> bool:
    try:
        return access.check(f"Bearer {secret}", "192.0.2.1").name in ("ci", "cd")
    except (UnauthorizedError, TooManyRequestsError):
        return False
