"""What the API shows of the history of health: plain values for JSON. Times are epoch seconds, lengths are seconds."""

from collections.abc import Iterable
from typing import Any, Final

from gslb.health.record import SPANS, By, Event, Figures, Row

Json = dict[str, Any]

_NAMED: Final = {"member": ("pool", "member", "site"), "pool": ("pool",), "site": ("site",)}


def events_view(events: Iterable[Event]) -> Json:
    """Events in their order."""
    return {"events": [event._asdict() for event in events]}


def report_view(at: float, rows: Iterable[Row], by: By, span: str) -> Json:
    """The figures of every member, pool or site over one span that ended at `at`."""
    seconds = SPANS[span]
    found = [row for row in rows if row.by == by and row.span == span]
    return {"at": at, "by": by, "span": span, "rows": [_row(row, seconds) for row in found]}


def _row(row: Row, seconds: float) -> Json:
    names = {name: getattr(row, name) for name in _NAMED[row.by]}
    return {**names, "observed": _figures(row.observed, seconds), "effective": _figures(row.effective, seconds)}


def _figures(figures: Figures, seconds: float) -> Json:
    return {
        "up": _rounded(figures.up),
        "down": _rounded(figures.down),
        "unknown": _rounded(max(seconds - figures.up - figures.down, 0.0)),
        "failures": figures.failures,
        "mtbf": _rounded(figures.mtbf),
        "mttr": _rounded(figures.mttr),
        "availability": figures.availability,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
