"""The intents of the shared store as one node knows them, those that have ended included."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from gslb.errors import ConflictError
from gslb.intents import KINDS, Intent
from gslb.store import HISTORY, Held
from gslb.store.conflicts import conflict
from gslb.store.etcdtext import Item
from gslb.store.keys import Keys
from gslb.store.valuetext import dump, load_intent, shown


class IntentView:
    """An intent holds while its key exists. Until the store was listed, what the copy knew holds on.

    One that was taken away by an operator has `removed` before its expiry; where it is its expiry, the store did it.
    """

    def __init__(self, keys: Keys) -> None:
        self.alarms: dict[str, str] = {}  # by key: what is wrong with a value; the last good one holds
        self._keys = keys
        self._listed = False
        self._intents: dict[str, Intent] = {}  # by key
        self._revisions: dict[str, int] = {}  # by id
        self._own: tuple[Intent, ...] = ()
        self._held: Held | None = None  # None = to be made, of `_intents` and `_own`
        self._texts: dict[str, tuple[Intent, str]] = {}  # by key, as they were copied last

    def held(self, own: tuple[Intent, ...], revision: int) -> Held:
        """All of them with those that are this node's own, oldest first."""
        if self._held is None or self._own is not own or self._held.revision != revision:
            local = (replace(intent, local=True) for intent in own)
            found = sorted((*self._intents.values(), *local), key=lambda one: (one.created, one.id))
            self._own, self._held = own, Held(tuple(found), revision, dict(self._revisions))
        return self._held

    def get(self, intent_id: str) -> Intent | None:
        """One of them."""
        for kind in KINDS:
            if found := self._intents.get(self._keys.intent(kind, intent_id)):
                return found
        return None

    def conflict(self, intent: Intent, now: float) -> ConflictError | None:
        """Why there cannot be this one beside the others, if there is a reason."""
        return conflict(intent, self._intents.values(), now)

    def changed(self, keys: Collection[str], items: Mapping[str, Item], now: float) -> bool:
        """Take over what has changed in the store; what is gone ended at `now`. Whether an intent is among it."""
        ours = {key for key in keys if self._keys.intent_of(key)}
        if not self._listed:  # what the copy knew may be gone
            ours |= {key for key, intent in self._intents.items() if intent.removed is None} - items.keys()
            self._listed = True
        for key in ours:
            self._take(key, items, now, doubtful=self._keys.intents in keys)
        if ours:
            self._held = None
            for key, intent in list(self._intents.items()):
                if intent.removed is not None and intent.removed < now - HISTORY:
                    del self._intents[key]
        return bool(ours)

    def text(self) -> str:
        """The copy that is kept for the next start. It costs by what has changed since the last."""
        self._texts = {key: self._text(key, intent) for key, intent in self._intents.items()}
        return f"[{','.join(text for _, text in self._texts.values())}]"

    def restore(self, text: str) -> None:
        """Begin with a copy; what cannot be understood of it is left out, since the store has it anyway."""
        for values in _list(text):
            try:
                kind, removed = values.get("kind", "drain"), values.get("removed")
                intent = load_intent(kind, dump(values))
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            ended = isinstance(removed, int | float)
            self._intents[self._keys.intent(kind, intent.id)] = replace(intent, removed=removed) if ended else intent
        self._held = None

    def _text(self, key: str, intent: Intent) -> tuple[Intent, str]:
        known = self._texts.get(key)
        if known and known[0] is intent:
            return known
        return intent, json.dumps({**intent.to_kept(), "kind": intent.kind})

    def _take(self, key: str, items: Mapping[str, Item], now: float, *, doubtful: bool) -> None:
        place, item, former = self._keys.intent_of(key), items.get(key), self._intents.get(key)
        assert place is not None
        self.alarms.pop(key, None)
        if item is None:
            self._revisions.pop(place[1], None)
            if former and former.removed is None:
                self._intents[key] = replace(former, removed=self._end(former, items, now, doubtful=doubtful))
            return
        try:
            intent = load_intent(place[0], item.value)
            if intent.id != place[1]:
                raise ValueError(f"is the {place[0]} {ascii(intent.id)[:40]}")
            self._intents[key], self._revisions[intent.id] = intent, item.mod_revision
        except ValueError as error:
            self.alarms[key] = f"{shown(key)}: {error}"

    def _end(self, intent: Intent, items: Mapping[str, Item], now: float, *, doubtful: bool) -> float:
        """When it ended: operators leave word, a lease that runs out does not. Of several words only the last is known,
        and then the clock must do."""
        if intent.expires is None:
            return max(intent.created, now)
        word = items.get(self._keys.intents)
        removed = word is not None and word.value == f"un{intent.kind} {intent.id}".encode()
        if not removed and not (doubtful and now < intent.expires):
            return intent.expires
        return max(intent.created, min(now, intent.expires - 0.001))


def _list(text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return values if isinstance(values, list) else []
