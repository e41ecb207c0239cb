"""What operators ask for: judged by the safety rule on what is known now, kept in the store, and never by two at once.

Where another node was quicker, the store refuses what was judged without its intent, and it is judged again.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from gslb.config.model import Config
from gslb.control.targets import require_known
from gslb.errors import ConflictError, PreconditionError, RequestError, StaleError, StateError
from gslb.health.safety import Shortage, remains, shortages, takes_away
from gslb.health.states import States
from gslb.intents import KINDS, Drain, Force, Hold, Intent, Target
from gslb.store import Held, Store
from gslb.store.audit import Actor, Deed
from gslb.store.conflicts import conflict, require_next

TRIES: Final = 10
_WORDS: Final = {"drain": "drained", "force": "forced down"}  # what may be refused
_CURRENT: Final = ("scheduled", "active")
_OVERRIDE: Final = 'with --force ("force": true) it is done all the same'

log = logging.getLogger("gslb.control")


class Wish(NamedTuple):
    """An intent as an operator asks for it. `owner` "": who asks; `starts` 0.0: at once; `expires` None: until it is
    cancelled, which only a force may be. `override`: although too little is left; `local`: at this node alone.
    `asked`: when it was asked for; 0.0: now."""

    kind: str
    target: Target
    reason: str
    owner: str = ""
    expires: float | None = None
    starts: float = 0.0
    percent: int = 100  # of a drain
    up: bool = False  # of a force
    override: bool = False
    local: bool = False
    asked: float = 0.0


class Change(NamedTuple):
    """What is to be different about an intent; None: as it is. `override` as in Wish."""

    expires: float | None = None
    starts: float | None = None
    percent: int | None = None
    reason: str | None = None
    override: bool = False


class Outcome(NamedTuple):
    """An intent as it is kept, or would be; what it leaves of each pool that it takes something away from, and in
    `short` those of them of which that is too little."""

    intent: Intent
    remains: tuple[Shortage, ...] = ()
    short: tuple[Shortage, ...] = ()


class _Judged(NamedTuple):
    """An intent that may be kept, judged by the intents of `held`."""

    outcome: Outcome
    deed: Deed
    held: Held


class Intents:
    """`drains`, `holds` and `forces` are those that hold or are to. `known` gives configuration and served states,
    none while nobody can know what is live; `ready` returns when that is over, or has lasted for too long."""

    def __init__(
        self,
        store: Store,
        known: Callable[[], tuple[Config, States]],
        changed: Callable[[], None],
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        self.drains: tuple[Drain, ...] = ()
        self.holds: tuple[Hold, ...] = ()
        self.forces: tuple[Force, ...] = ()
        self.revision = 0  # of the store, as of these
        self._store = store
        self._known = known
        self._changed = changed
        self._ready = ready
        self._one_at_a_time = asyncio.Lock()
        store.watch(self._told)

    @property
    def all(self) -> tuple[Intent, ...]:
        """Those of every kind."""
        return (*self.drains, *self.holds, *self.forces)

    def knows(self, intent: Intent) -> bool:
        """Whether this node has taken over an intent as it was kept: that the store has it may be told late."""
        held = self._store.held().find(intent.id)
        return held is not None and (held.removed is None, held.changed) == (intent.removed is None, intent.changed)

    def refresh(self) -> None:
        """Take over what the store knows."""
        now, held = time.time(), self._store.held()
        self.drains = tuple(one for one in held.drains if one.state(now) in _CURRENT)
        self.holds = tuple(one for one in held.holds if one.state(now) in _CURRENT)
        self.forces = tuple(one for one in held.forces if one.state(now) in _CURRENT)
        self.revision = held.revision

    def _told(self) -> None:
        before, revision = {one.id: one for one in self.all}, self.revision
        self.refresh()
        after = {one.id: one for one in self.all}
        for one in after.values():
            if one != before.get(one.id):
                word = "is changed" if one.id in before else "is to begin" if one.starts > time.time() else "begins"
                log.info("%s %s %s: %s (%s, by %s)", one.kind, one.id, word, one.target, one.reason, one.owner or "?")
        for one in before.values():
            if one.id not in after:
                log.info("%s %s ends: %s", one.kind, one.id, one.target)
        if before != after or revision != self.revision:
            self._changed()

    async def add(self, wish: Wish, actor: Actor, *, dry_run: bool = False) -> Outcome:
        """Keep an intent. Raises NotFoundError (no such target), ConflictError (there is one already, or too little
        would be left: see `remains`), RequestError, StoreError."""
        intent = _made(wish, actor)
        if takes_away(intent) and not wish.override:
            await self._ready()

        def judge(held: Held) -> _Judged:
            require_known(wish.target, self._known()[0])
            beside = [one for one in held.intents if one.local == wish.local]
            if refused := conflict(intent, beside, time.time()):
                raise refused
            outcome = self._left(intent, None, held, override=wish.override)
            return _Judged(outcome, Deed(_action(outcome, intent.kind), actor, wish.reason), held)

        return await self._judged(judge, self._store.add, dry_run=dry_run)

    async def change(
        self, intent_id: str, change: Change, actor: Actor, *, expected: int | None = None, dry_run: bool = False
    ) -> Outcome:
        """Change an intent; `expected` is the number of its last change as the caller knows it.

        Raises NotFoundError, PreconditionError (not `expected`), ConflictError (as in `add`, or it has ended),
        RequestError, StoreError.
        """
        former = await self._store.find(intent_id)
        if takes_away(former) and not change.override:
            await self._ready()

        def judge(held: Held) -> _Judged:
            former = held.find(intent_id)
            assert former is not None
            _require_expected(former, expected)
            intent = _amended(former, change)
            require_next(intent, former)
            if refused := conflict(intent, [one for one in held.intents if one.local == intent.local], time.time()):
                raise refused
            outcome = self._left(intent, former, held, override=change.override)
            action = _action(outcome, f"change-{intent.kind}")
            return _Judged(outcome, Deed(action, actor, change.reason or former.reason), held)

        return await self._judged(judge, self._store.change, dry_run=dry_run)

    async def cancel(
        self, intent_id: str, actor: Actor, reason: str = "", *, expected: int | None = None, dry_run: bool = False
    ) -> Outcome:
        """End an intent; one that has ended stays as it is. Raises NotFoundError, PreconditionError, StoreError."""
        former = await self._store.find(intent_id)
        _require_expected(former, expected)
        if dry_run:
            return Outcome(former)
        deed = Deed(f"cancel-{former.kind}", actor, reason)
        try:
            ended = await self._store.remove(intent_id, time.time(), deed, expected)
        except StaleError:
            _require_expected(await self._store.find(intent_id), expected)
            raise
        self._told()
        return Outcome(ended)

    async def _judged(
        self,
        judge: Callable[[Held], _Judged],
        write: Callable[[Intent, int | None, Deed], Awaitable[Intent]],
        *,
        dry_run: bool,
    ) -> Outcome:
        """Judge and write, again where another was quicker."""
        async with self._one_at_a_time:
            for _ in range(TRIES):
                outcome, deed, held = judge(self._store.held())
                if dry_run:
                    return outcome
                try:
                    kept = await write(outcome.intent, None if outcome.intent.local else held.revision, deed)
                except StaleError:
                    continue
                self._told()
                return outcome._replace(intent=kept)
        raise StaleError("other operators were quicker each time; nothing was written", hint="try again")

    def _left(self, intent: Intent, former: Intent | None, held: Held, *, override: bool) -> Outcome:
        """What it leaves. Raises ConflictError where that is too little, the former left more, and nobody overrides."""
        (config, states), now = self._known(), time.time()
        if not states and not override and takes_away(intent):
            hint = f"ask again in a moment; {_OVERRIDE}"
            raise StateError("the first round of probes is under way, so nobody knows what would remain", hint=hint)
        short = shortages(config, states, held.intents, intent, now)
        if former and short:
            known = [one._replace(at=0.0) for one in shortages(config, states, held.intents, former, now)]
            short = [one for one in short if one._replace(at=0.0) not in known]
        if short and not override:
            raise _too_little(intent, short)
        left = remains(config, states, held.intents, intent, now)
        return Outcome(replace(intent, overrides=intent.overrides or bool(short)), tuple(left), tuple(short))


def _made(wish: Wish, actor: Actor) -> Intent:
    """Raises RequestError where what is wished for cannot be."""
    now = wish.asked or time.time()
    kind = KINDS[wish.kind]
    own: dict[str, dict[str, Any]] = {"drain": {"percent": wish.percent}, "force": {"up": wish.up}}
    begin = wish.starts if wish.starts > now else now
    _require_span(wish.kind, begin, wish.expires)
    identity, owner = f"{wish.kind[0]}-{secrets.token_hex(4)}", wish.owner or actor.name
    return kind(
        identity,
        wish.target,
        wish.reason,
        owner,
        now,
        wish.expires,
        local=wish.local,
        starts=begin,
        **own.get(wish.kind, {}),
    )


def _amended(former: Intent, change: Change) -> Intent:
    """The intent with the change. Raises RequestError where that cannot be."""
    now = time.time()
    more: dict[str, Any] = {"changed": former.changed + 1}
    if change.reason is not None:
        more["reason"] = change.reason
    if change.percent is not None:
        if not isinstance(former, Drain):
            raise RequestError(f"a {former.kind} has no percent", pointer="/percent")
        more["percent"] = change.percent
    if change.starts is not None:
        if former.state(now) != "scheduled":
            raise RequestError(f"{former.id} has begun already", pointer="/starts")
        more["starts"] = change.starts if change.starts > now else former.created
    if change.expires is not None:
        more["expires"] = change.expires
    _require_span(former.kind, max(now, more.get("starts", former.starts)), more.get("expires", former.expires))
    return replace(former, **more)


def _require_span(kind: str, begin: float, end: float | None) -> None:
    if end is None and kind != "force":
        raise RequestError(f"a {kind} needs an expiry", pointer="/expires", hint="for how long shall it last?")
    if end is not None and end <= begin:
        raise RequestError("the expiry must come after the start", pointer="/expires")


def _require_expected(intent: Intent, expected: int | None) -> None:
    if expected not in (None, intent.changed):
        raise PreconditionError(f"{intent.id} was changed meanwhile", hint="look at it again")


def _action(outcome: Outcome, action: str) -> str:
    """What is recorded."""
    return f"override-{outcome.intent.kind}" if outcome.short else action


def _too_little(intent: Intent, short: Sequence[Shortage]) -> ConflictError:
    more = f"; and {len(short) - 3} more pools" if len(short) > 3 else ""
    return ConflictError(
        f"{intent.target} cannot be {_WORDS[intent.kind]}: {'; '.join(map(str, short[:3]))}{more}",
        pointer="/target",
        hint=_OVERRIDE,
        remains=[one.to_dict() for one in short],
    )
