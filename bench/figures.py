"""Figures of several rounds: medians with minimum and maximum, and ratios taken round by round."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from bench.load import Burst
from bench.workloads import Workload


class Spread(NamedTuple):
    """Median, minimum and maximum of some rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


class Row(NamedTuple):
    """One workload: for each server its measures, and how many times as much gslb costs as each peer."""

    key: str
    title: str
    measures: Mapping[str, Mapping[str, Spread]]  # server -> micros, rate, p50, p99, p999 -> figures
    ratios: Mapping[str, Spread]  # peer -> CPU of gslb / CPU of the peer
    notes: str = ""

    def plain(self) -> dict[str, object]:
        """For JSON."""
        measures = {
            server: {name: spread._asdict() for name, spread in found.items()}
            for server, found in self.measures.items()
        }
        ratios = {peer: spread._asdict() for peer, spread in self.ratios.items()}
        return {**self._asdict(), "measures": measures, "ratios": ratios}


def from_plain(plain: Mapping[str, Any]) -> Row:
    """The inverse of `Row.plain`."""
    measures = {
        server: {name: Spread(**found) for name, found in those.items()} for server, those in plain["measures"].items()
    }
    ratios = {peer: Spread(**found) for peer, found in plain["ratios"].items()}
    return Row(plain["key"], plain["title"], measures, ratios, plain["notes"])


def spread(values: Sequence[float]) -> Spread:
    """Median, minimum, maximum. Raises ValueError where there is nothing."""
    return Spread(median(values), min(values), max(values))


def measures(bursts: Sequence[Burst]) -> dict[str, Spread]:
    """What the rounds of one server say."""
    found = {"micros": spread([one.micros for one in bursts]), "rate": spread([one.rate for one in bursts])}
    found["lost"] = spread([one.lost for one in bursts])
    for name in ("p50", "p99", "p999"):
        values = [value for one in bursts if (value := getattr(one, name)) is not None]
        if values:
            found[name] = spread(values)
    return found


def row(workload: Workload, bursts: Mapping[str, Sequence[Burst]]) -> Row:
    """The row of a workload."""
    ours = bursts["gslb"]
    ratios = {
        peer: spread([one.micros / other.micros for one, other in zip(ours, theirs, strict=True)])
        for peer, theirs in bursts.items()
        if peer != "gslb"
    }
    return Row(workload.key, workload.title, {name: measures(taken) for name, taken in bursts.items()}, ratios)
