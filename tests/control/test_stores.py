"""Which store a node opens, and the secrets that nodes share."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gslb.config.settings import StoreSettings
from gslb.control.stores import access, keep_secrets, open_store
from gslb.errors import StoreError
from gslb.store.shared import EtcdStore
from gslb.store.sqlite import SqliteStore
from tests.etcd_kit import Cluster
from tests.support import config

NODE = config().node


async def test_a_node_alone_has_its_own_file(tmp_path: Path) -> None:
    own = await SqliteStore.open(str(tmp_path / "db"))
    assert await open_store(NODE, own) is own
    async with asyncio.timeout(1):
        await keep_secrets(own, "", lambda: None)
    await own.close()


def test_a_login_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    settings = StoreSettings("etcd", ("http://127.0.0.1:1",), user="gslb", password_file=str(file))
    assert access(settings).login == ("gslb", "secret")
    assert access(settings).tls is None
    with pytest.raises(StoreError, match="the password for etcd cannot be read"):
        access(replace(settings, password_file=str(tmp_path / "none")))
    with pytest.raises(StoreError, match="cannot use the ca file"):
        access(replace(settings, ca=str(tmp_path / "none.pem")))


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "etcd") as cluster:
        yield cluster


async def test_all_nodes_sign_cookies_with_the_secrets_of_the_first(tmp_path: Path, etcd: Cluster) -> None:
    files = [tmp_path / name for name in ("tokyo", "osaka")]
    changed: list[str] = []
    for name, text in zip(files, ("11" * 16, "22" * 16), strict=True):
        name.write_text(text + "\n")
    opened, tasks = [], []
    for name in files:
        own = await SqliteStore.open(f"{name}.db", name.name)
        settings = StoreSettings("etcd", etcd.access().endpoints, prefix="/secrets")
        store = await open_store(replace(NODE, name=name.name, store=settings), own)
        assert isinstance(store, EtcdStore)
        tasks.append(asyncio.create_task(store.run()))
        assert await store.first_look()
        keep = keep_secrets(store, str(name), lambda name=name: changed.append(name.name))  # type: ignore[misc]
        tasks.append(asyncio.create_task(keep))
        await asyncio.sleep(0.5)
        opened += [store, own]
    async with asyncio.timeout(10):
        while not changed:
            await asyncio.sleep(0.05)
    assert [file.read_text().strip() for file in files] == ["11" * 16] * 2
    assert changed == ["osaka"]
    assert files[1].stat().st_mode & 0o777 == 0o600
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for one in opened:
        await one.close()
