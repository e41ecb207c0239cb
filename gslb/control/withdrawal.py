"""Taking one node out of service for whoever asks whether it is ready (anycast, a load balancer) while it answers on.

It is this node's own matter, so it stands in a file of its own and needs no store; it lasts until it is ended.
"""

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Final, NamedTuple

from gslb.config.settings import NodeSettings
from gslb.control.secretfiles import write_secret
from gslb.errors import ConflictError, NotFoundError, StateError, StoreError
from gslb.store import Store
from gslb.store.audit import Actor, Deed

_FILE: Final = "withdrawn.json"

log = logging.getLogger("gslb.control")


class Withdrawn(NamedTuple):
    """Why, by whom, and since when (epoch seconds)."""

    reason: str
    owner: str
    since: float


class Withdrawal:
    """`current` is set while the node is withdrawn."""

    def __init__(self, node: NodeSettings, store: Store) -> None:
        self._file = Path(node.state) / _FILE
        self._target = f"node/{node.name}"
        self._store = store
        self._one_at_a_time = asyncio.Lock()
        self.current: Withdrawn | None = _read(self._file)

    async def begin(self, reason: str, actor: Actor, owner: str = "") -> Withdrawn:
        """Be not ready from now on, after restarts too. Raises ConflictError (it is so already), StateError."""
        async with self._one_at_a_time:
            if self.current:
                text = f"this node is withdrawn already, by {self.current.owner or '?'}: {self.current.reason}"
                raise ConflictError(text, hint="end that first")
            withdrawn = Withdrawn(reason, owner or actor.name, time.time())
            await _written(self._file, json.dumps(withdrawn._asdict()))
            self.current = withdrawn
        log.warning("this node is withdrawn: %s (by %s)", withdrawn.reason, withdrawn.owner or "?")
        await self._record(Deed("withdraw", actor, reason, self._target, after=withdrawn._asdict()))
        return withdrawn

    async def end(self, actor: Actor, reason: str = "") -> Withdrawn:
        """Be ready again; what ended by it. Raises NotFoundError (it is not withdrawn), StateError."""
        async with self._one_at_a_time:
            ended = self.current
            if ended is None:
                raise NotFoundError("this node is not withdrawn")
            await _written(self._file, "")
            self.current = None
        log.warning("this node is no longer withdrawn")
        await self._record(Deed("cancel-withdraw", actor, reason, self._target, before=ended._asdict()))
        return ended

    async def _record(self, deed: Deed) -> None:
        try:
            await self._store.record(deed)
        except StoreError as error:
            log.error("%s is not on record: %s", deed.action, error)


async def _written(file: Path, text: str) -> None:
    """Write the file, or remove it where there is nothing to say. Raises StateError."""
    try:
        await asyncio.to_thread(write_secret, file, text) if text else await asyncio.to_thread(file.unlink, True)
    except OSError as error:
        raise StateError(f"{file}: cannot be written: {error}", hint="check the disk and the folder") from error


def _read(file: Path) -> Withdrawn | None:
    """What stands in the file. One that cannot be read says that somebody withdrew the node: it stays so."""
    try:
        values = json.loads(file.read_text(encoding="ascii"))
        return Withdrawn(str(values["reason"]), str(values["owner"]), float(values["since"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        log.error("%s: cannot be understood, so this node stays withdrawn: %s", file, error)
        return Withdrawn(f"{file.name} cannot be understood", "", 0.0)
