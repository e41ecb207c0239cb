"""The drains of the shared store as one node knows them, those that have ended included."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from gslb.errors import ConflictError
from gslb.intents import Drain
from gslb.store import HISTORY
from gslb.store.etcdtext import Item
from gslb.store.keys import Keys
from gslb.store.valuetext import dump, load_drain, shown


class DrainView:
    """A drain holds while its key exists. Until the store was listed, what the copy knew holds on.

    One that was taken away by an operator has `removed` before its expiry; where it is its expiry, the store did it.
    """

    def __init__(self, keys: Keys) -> None:
        self.alarms: dict[str, str] = {}  # by key: what is wrong with a value; the last good one holds
        self._keys = keys
        self._listed = False
        self._drains: dict[str, Drain] = {}
        self._own: tuple[Drain, ...] = ()
        self._all: tuple[Drain, ...] | None = ()  # None = to be made, of `_drains` and `_own`

    def all(self, own: tuple[Drain, ...]) -> tuple[Drain, ...]:
        """All of them with those that are this node's own, oldest first."""
        if self._all is None or self._own is not own:
            local = (replace(drain, local=True) for drain in own)
            found = sorted((*self._drains.values(), *local), key=lambda drain: (drain.created, drain.id))
            self._own, self._all = own, tuple(found)
        return self._all

    def get(self, drain_id: str) -> Drain | None:
        """One of them."""
        return self._drains.get(drain_id)

    def second(self, drain: Drain) -> ConflictError | None:
        """Why there cannot be this one: a drain of the same target holds."""
        for other in self._drains.values():
            if other.target == drain.target and other.removed is None:
                return ConflictError(
                    f"{other.target} is drained already, by {other.id}: {other.reason}",
                    pointer="/target",
                    hint=f"remove {other.id} first",
                )
        return None

    def changed(self, keys: Collection[str], items: Mapping[str, Item], now: float) -> bool:
        """Take over what has changed in the store; what is gone ended at `now`. Whether a drain is among it."""
        ours = {key for key in keys if key.startswith(self._keys.drains)}
        if not self._listed:  # what the copy knew may be gone
            ours |= {
                self._keys.drains + name for name, drain in self._drains.items() if drain.removed is None
            } - items.keys()
            self._listed = True
        for key in ours:
            self._take(key, items, now, doubtful=self._keys.intents in keys)
        if ours:
            self._all = None
            for name, drain in list(self._drains.items()):
                if drain.removed is not None and drain.removed < now - HISTORY:
                    del self._drains[name]
        return bool(ours)

    def text(self) -> str:
        """The copy that is kept for the next start."""
        return json.dumps([drain.to_dict() for drain in self._drains.values()])

    def restore(self, text: str) -> None:
        """Begin with a copy; what cannot be understood of it is left out, since the store has it anyway."""
        for values in _list(text):
            try:
                drain, removed = load_drain(dump(values)), values.get("removed")
            except (ValueError, TypeError):
                continue
            self._drains[drain.id] = replace(drain, removed=removed) if isinstance(removed, int | float) else drain
        self._all = None

    def _take(self, key: str, items: Mapping[str, Item], now: float, *, doubtful: bool) -> None:
        name, item = key.removeprefix(self._keys.drains), items.get(key)
        self.alarms.pop(key, None)
        if item is None:
            former = self._drains.get(name)
            if former and former.removed is None:
                self._drains[name] = replace(former, removed=self._end(former, items, now, doubtful=doubtful))
            return
        try:
            drain = load_drain(item.value)
            if drain.id != name:
                raise ValueError(f"is the drain {ascii(drain.id)[:40]}")
            self._drains[name] = drain
        except ValueError as error:
            self.alarms[key] = f"{shown(key)}: {error}"

    def _end(self, drain: Drain, items: Mapping[str, Item], now: float, *, doubtful: bool) -> float:
        """When it ended: operators leave word, a lease that runs out does not. Of several words only the last is known,
        and then the clock must do."""
        word = items.get(self._keys.intents)
        removed = word is not None and word.value == f"undrain {drain.id}".encode()
        if not removed and not (doubtful and now < drain.expires):
            return drain.expires
        return max(drain.created, min(now, drain.expires - 0.001))


def _list(text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return values if isinstance(values, list) else []
