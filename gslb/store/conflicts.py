"""Which intents cannot stand beside each other, or in the place of another."""

import time
from collections.abc import Iterable
from math import inf
from typing import Final

from gslb.errors import ConflictError, NotFoundError, StaleError
from gslb.intents import Intent

_WORDS: Final = {"drain": "drained", "hold": "held", "force": "forced"}


def conflict(intent: Intent, others: Iterable[Intent], now: float) -> ConflictError | None:
    """Why there cannot be this one, if there is a reason."""
    for other in others:
        if _same(intent, other) and intent.starts < _end(other, now) and other.starts < _end(intent, now):
            when = "is" if other.starts <= now else "is to be"
            return ConflictError(
                f"{other.target} {when} {_WORDS[other.kind]} already, by {other.id}: {other.reason}",
                pointer="/target",
                hint=f"change or cancel {other.id} first",
            )
    return None


def require_next(intent: Intent, former: Intent) -> None:
    """Raises StaleError or ConflictError where an intent cannot take the place of the former."""
    if former.state(time.time()) in ("removed", "expired"):
        raise ConflictError(f"{former.id} has ended", hint="add a new one")
    require_version(former, intent.changed - 1)


def require_version(intent: Intent, changed: int | None) -> None:
    """Raises StaleError where that is not the number of its last change; None is any."""
    if changed not in (None, intent.changed):
        raise StaleError(f"{intent.id} was changed meanwhile; nothing was written", hint="look again")


def missing(intent_id: str) -> NotFoundError:
    """There is no such intent."""
    return NotFoundError(f"there is no intent {intent_id!r}", hint="list them with ?all=true")


def _same(intent: Intent, other: Intent) -> bool:
    known = other.kind == intent.kind and other.target == intent.target and other.removed is None
    return known and other.id != intent.id


def _end(intent: Intent, now: float) -> float:
    """One that the store keeps lasts although this node's clock says that it is over."""
    if intent.expires is None:
        return inf
    return max(intent.expires, now + 1.0) if intent.leased else intent.expires
