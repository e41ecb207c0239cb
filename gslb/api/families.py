"""Families of metrics as text, written by hand: as objects of prometheus-client they would cost ten times as much.

The text format 0.0.4 and OpenMetrics 1.0 differ in the name that a counter is announced by, and in nothing else here.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

PREFIX: Final = "gslb_"
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Sample(NamedTuple):
    """One value; `labels` as `labelled` writes them; `suffix` is that of the parts of a histogram."""

    labels: str
    value: float
    suffix: str = ""


class Family(NamedTuple):
    """`kind` is gauge, counter or histogram; the name is without prefix, and without _total where it is a counter."""

    name: str
    kind: str
    text: str
    samples: Iterable[Sample]


def escaped(label: str) -> str:
    """The value of a label as it stands between quotes."""
    return label.translate(_ESCAPES)


def labelled(**labels: str) -> str:
    """Labels with their values, in braces."""
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"


def buckets(labels: str, bounds: Iterable[str], cumulative: Iterable[int], total: float) -> Iterator[Sample]:
    """The samples of a histogram: how many were within each bound (the last: all of them), and their sum."""
    count = 0
    within = f"{labels[:-1]}," if labels else "{"
    for bound, count in zip((*bounds, "+Inf"), cumulative, strict=True):
        yield Sample(f'{within}le="{bound}"}}', count, "_bucket")
    yield Sample(labels, count, "_count")
    yield Sample(labels, total, "_sum")


def written(families: Iterable[Family], *, openmetrics: bool = False) -> str:
    """All of them, one after the other."""
    return "".join(line for family in families for line in _lines(family, openmetrics))


def _lines(family: Family, openmetrics: bool) -> Iterator[str]:
    name, total = PREFIX + family.name, "_total" if family.kind == "counter" else ""
    told = name if openmetrics else name + total
    yield f"# HELP {told} {family.text}\n# TYPE {told} {family.kind}\n"
    for labels, value, suffix in family.samples:
        yield f"{name}{total}{suffix}{labels} {value}\n"
