"""What operators ask for: judged by the safety rule on what is known now, kept in the store, and never by two at once.

Where another node was quicker, the store refuses what was judged without its intent, and it is judged again.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from gslb.config.model import Config
from gslb.control.targets import require_known
from gslb.errors import ConflictError, StaleError
from gslb.health.safety import shortages
from gslb.health.states import States
from gslb.intents import Drain, Target
from gslb.store import Store

TRIES: Final = 10

log = logging.getLogger("gslb.control")


class Wish(NamedTuple):
    """A drain as an operator asks for it. `force`: although too little is left; `local`: at this node alone."""

    target: Target
    reason: str
    owner: str
    expires: float
    force: bool = False
    local: bool = False


class Intents:
    """`drains` are those that hold. `known` gives the configuration and the states that are served."""

    def __init__(self, store: Store, known: Callable[[], tuple[Config, States]], changed: Callable[[], None]) -> None:
        self.drains: tuple[Drain, ...] = ()
        self._store = store
        self._known = known
        self._changed = changed
        self._one_at_a_time = asyncio.Lock()
        store.watch(self._told)

    def refresh(self) -> None:
        """Take over what the store knows."""
        now = time.time()
        self.drains = tuple(drain for drain in self._store.held().drains if drain.active(now))

    def _told(self) -> None:
        before = {drain.id: drain for drain in self.drains}
        self.refresh()
        after = {drain.id: drain for drain in self.drains}
        for drain in after.values():
            if drain.id not in before:
                log.info("drain %s begins: %s (%s, by %s)", drain.id, drain.target, drain.reason, drain.owner or "?")
        for drain in before.values():
            if drain.id not in after:
                log.info("drain %s ends: %s", drain.id, drain.target)
        if before != after:
            self._changed()

    async def add(self, wish: Wish) -> Drain:
        """Keep a drain. Raises NotFoundError (no such target), ConflictError (drained already, or too little would be
        left), StoreError."""
        drain = Drain(
            f"d-{secrets.token_hex(4)}",
            wish.target,
            wish.reason,
            wish.owner,
            time.time(),
            wish.expires,
            local=wish.local,
        )
        async with self._one_at_a_time:
            for _ in range(TRIES):
                held = self._store.held()
                self._judge(wish, held.drains)
                try:
                    kept = await self._store.add_drain(drain, None if wish.local else held.revision, forced=wish.force)
                except StaleError:
                    continue
                self._told()
                return kept
        raise StaleError("other operators were quicker each time; nothing was written", hint="try again")

    def _judge(self, wish: Wish, drains: tuple[Drain, ...]) -> None:
        config, states = self._known()
        require_known(wish.target, config)
        short = [] if wish.force else shortages(config, states, drains, wish.target, time.time())
        if short:
            more = f"; and {len(short) - 3} more pools" if len(short) > 3 else ""
            raise ConflictError(
                f"{wish.target} cannot be drained: {'; '.join(map(str, short[:3]))}{more}",
                pointer="/target",
                hint='with --force ("force": true) it is drained all the same',
            )

    async def remove(self, drain_id: str) -> Drain:
        """End a drain; one that has ended stays as it is. Raises NotFoundError, StoreError."""
        removed = await self._store.remove_drain(drain_id, time.time())
        self._told()
        return removed
