"""What the API shows of the history of health: plain values for JSON. Times are epoch seconds, lengths are seconds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gslb.health.record import SPANS, By, Event, Figures, Row

Json = dict[str, Any]

_NAMED: Final = {"member": ("pool", "member", "site"), "pool": ("pool",), "site": ("site",)}


def event_view(event: Event) -> Json:
    """One event; its `id` counts them."""
    view = event._asdict()
    return {"id": view.pop("number"), **view}


def chosen_rows(rows: Iterable[Row], by: By, span: str, names: Mapping[str, str]) -> list[Row]:
    """The figures of members, pools or sites over one span; of `names`, what is not empty must fit."""
    found = (row for row in rows if row.by == by and row.span == span)
    return [row for row in found if all(name in ("", getattr(row, key)) for key, name in names.items())]


def report_view(at: float, rows: Sequence[Row], by: By, span: str, after: str | None) -> Json:
    """The figures over one span that ended at `at`; `after` is the cursor of what is left."""
    return {"at": at, "by": by, "span": span, "rows": [_row(row, SPANS[span]) for row in rows], "next": after}


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
