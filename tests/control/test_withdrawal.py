"""A node that is taken out of service: told, on record, and the same after a restart."""

import stat
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gslb.config.settings import NodeSettings
from gslb.control.withdrawal import Withdrawal
from gslb.errors import ConflictError, NotFoundError, StateError
from gslb.store.audit import Actor
from gslb.store.auditpages import AuditWanted
from gslb.store.sqlite import SqliteStore
from tests.support import config

OPS = Actor("ops", "192.0.2.7")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(str(tmp_path / "gslb.sqlite"), "tokyo-1")
    yield opened
    await opened.close()


@pytest.fixture
def node(tmp_path: Path) -> NodeSettings:
    return replace(config().node, state=str(tmp_path))


async def test_it_lasts_over_restarts_until_it_is_ended(store: SqliteStore, node: NodeSettings, tmp_path: Path) -> None:
    withdrawal = Withdrawal(node, store)
    assert withdrawal.current is None
    done = await withdrawal.begin("CHG-1 \u6771", OPS)
    assert (done.reason, done.owner) == ("CHG-1 \u6771", "ops")
    assert abs(done.since - time.time()) < 5
    assert withdrawal.current == done
    with pytest.raises(ConflictError, match="CHG-1"):
        await withdrawal.begin("CHG-2", OPS)
    again = Withdrawal(node, store)
    assert again.current == done
    assert stat.S_IMODE((tmp_path / "withdrawn.json").stat().st_mode) == 0o600
    assert await again.end(OPS, "done") == done
    assert again.current is None
    assert Withdrawal(node, store).current is None
    with pytest.raises(NotFoundError):
        await again.end(OPS)


async def test_it_ends_although_somebody_removed_the_file(
    store: SqliteStore, node: NodeSettings, tmp_path: Path
) -> None:
    withdrawal = Withdrawal(node, store)
    await withdrawal.begin("CHG-1", OPS)
    (tmp_path / "withdrawn.json").unlink()
    await withdrawal.end(OPS)
    assert withdrawal.current is None


async def test_it_is_on_record(store: SqliteStore, node: NodeSettings) -> None:
    withdrawal = Withdrawal(node, store)
    await withdrawal.begin("CHG-1", OPS, "night shift")
    await withdrawal.end(OPS, "done")
    ended, begun = (await store.audit(AuditWanted())).records
    assert (begun.action, begun.target, begun.reason, begun.source) == (
        "withdraw",
        f"node/{node.name}",
        "CHG-1",
        "192.0.2.7",
    )
    assert begun.after == ended.before
    assert begun.after
    assert begun.after["owner"] == "night shift"
    assert (ended.action, ended.reason) == ("cancel-withdraw", "done")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"reason": "x"}', b"\xff", b"[" * 100_000])
async def test_a_damaged_file_keeps_the_node_withdrawn(
    store: SqliteStore, node: NodeSettings, tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "withdrawn.json").write_bytes(text)
    withdrawal = Withdrawal(node, store)
    assert withdrawal.current
    assert "cannot be understood" in withdrawal.current.reason
    await withdrawal.end(OPS)
    assert Withdrawal(node, store).current is None


async def test_what_cannot_be_written_changes_nothing(store: SqliteStore, node: NodeSettings, tmp_path: Path) -> None:
    withdrawal = Withdrawal(replace(node, state=str(tmp_path / "missing")), store)
    with pytest.raises(StateError, match=r"withdrawn\.json"):
        await withdrawal.begin("CHG-1", OPS)
    assert withdrawal.current is None
    assert (await store.audit(AuditWanted())).records == ()


async def test_a_store_that_does_not_record_does_not_keep_the_node_in_service(
    node: NodeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = await SqliteStore.open(str(tmp_path / "other.sqlite"))
    await closed._run(lambda: closed._connection.execute("DROP TABLE records"))
    withdrawal = Withdrawal(node, closed)
    await withdrawal.begin("CHG-1", OPS)
    assert withdrawal.current
    assert "withdraw is not on record" in caplog.text
    await closed.close()
