"""The drains of the shared store as one node knows them, those that have ended included."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gslb.errors import ConflictError, RequestError
from gslb.intents import Drain
from gslb.store import HISTORY
from gslb.store.etcdtext import Item
from gslb.store.valuetext import load_drain


class DrainView:
    """A drain holds while its key exists. Until the store was listed, what the copy knew holds on."""

    def __init__(self, prefix: str) -> None:
        self.alarms: dict[str, str] = {}  # by key: what is wrong with a value; the last good one holds
        self.listed = False
        self._prefix = prefix
        self._drains: dict[str, Drain] = {}

    def all(self, own: Iterable[Drain]) -> tuple[Drain, ...]:
        """All of them with those that are this node's own, oldest first."""
        local = (replace(drain, local=True) for drain in own)
        return tuple(sorted((*self._drains.values(), *local), key=lambda drain: (drain.created, drain.id)))

    def get(self, drain_id: str) -> Drain | None:
        """One of them."""
        return self._drains.get(drain_id)

    def refuse_second(self, drain: Drain) -> None:
        """Raises ConflictError where a drain of the same target holds."""
        for other in self._drains.values():
            if other.target == drain.target and other.removed is None:
                raise ConflictError(
                    f"{other.target} is drained already, by {other.id}: {other.reason}",
                    pointer="/target",
                    hint=f"remove {other.id} first",
                )

    def unlisted(self, items: Mapping[str, Item]) -> list[str]:
        """The store has been listed for the first time: the keys that the copy knew, and that are gone."""
        self.listed = True
        keys = (self._prefix + name for name, drain in self._drains.items() if drain.removed is None)
        return [key for key in keys if key not in items]

    def changed(self, keys: Iterable[str], items: Mapping[str, Item], now: float) -> None:
        """Take over what stands under these keys; what is gone ended at `now`, as far as this node can tell."""
        for key in keys:
            name, item = key.removeprefix(self._prefix), items.get(key)
            self.alarms.pop(key, None)
            if item is None:
                former = self._drains.get(name)
                if former and former.removed is None:
                    self._drains[name] = replace(former, removed=now, leased=True)
                continue
            try:
                self._drains[name] = replace(load_drain(item.value), id=name)
            except ValueError as error:
                self.alarms[key] = f"{key}: {error}"
        for name, drain in list(self._drains.items()):
            if drain.removed is not None and drain.removed < now - HISTORY:
                del self._drains[name]

    def text(self) -> str:
        """The copy that is kept for the next start."""
        return json.dumps([drain.to_dict() for drain in self._drains.values()])

    def restore(self, text: str) -> None:
        """Begin with a copy; what cannot be understood of it is left out, since the store has it anyway."""
        for values in _list(text):
            try:
                drain = Drain.from_dict(values)
            except (RequestError, TypeError, KeyError, AttributeError):
                continue
            self._drains[drain.id] = drain


def _list(text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return values if isinstance(values, list) else []
