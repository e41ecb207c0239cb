"""Opens the store that the node file names, and keeps what all nodes must sign with the same."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gslb.config.settings import NodeSettings, StoreSettings
from gslb.control.secretfiles import replace_secrets
from gslb.errors import StateError, StoreError
from gslb.store import HealthStore, Store
from gslb.store.etcd import Etcd
from gslb.store.etcdaccess import Access, client_tls
from gslb.store.keys import Keys
from gslb.store.shared import EtcdStore
from gslb.store.sqlite import SqliteStore
from gslb.store.writer import Place

SECRETS_EVERY = 2.0  # seconds between looks at the cookie secrets that all nodes share

log = logging.getLogger("gslb.control")


class Stores(NamedTuple):
    """What nodes share, and what this one keeps for itself; with SQLite it is the same."""

    shared: Store
    own: HealthStore


async def open_store(node: NodeSettings, own: SqliteStore) -> Store:
    """The store of the node; `own` is the node's file, and the store itself where there is no other.

    Raises StoreError where files that it needs cannot be used; a store that does not answer is no error.
    """
    if node.store.type == "sqlite":
        return own
    return await EtcdStore.open(Etcd(access(node.store)), Place(Keys(node.store.prefix), node.name), own)


def access(settings: StoreSettings) -> Access:
    """Endpoints, certificates and login. Raises StoreError."""
    tls = None
    if settings.ca or settings.cert:
        tls = client_tls(settings.ca, settings.cert, settings.key)
    login = None
    if settings.password_file:
        try:
            login = settings.user, Path(settings.password_file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise StoreError(f"{settings.password_file}: the password for etcd cannot be read: {error}") from error
    return Access(settings.endpoints, tls, login)


async def keep_secrets(store: Store, file: str, changed: Callable[[], None]) -> None:
    """Sign cookies as all other nodes do: write the shared secrets to the file and call `changed`, until cancelled."""
    if not isinstance(store, EtcdStore):
        return
    while True:
        try:
            own = await asyncio.to_thread(Path(file).read_bytes)
            shared = await store.share_cookies(own)
            if shared != own:
                await asyncio.to_thread(replace_secrets, file, shared)
                log.info("cookies are signed as by the other nodes from now on")
                changed()
        except (StoreError, StateError, OSError) as error:
            log.debug("cookie secrets are not compared: %s", error)
        await asyncio.sleep(SECRETS_EVERY)
