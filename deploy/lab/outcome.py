"""What is kept of one scenario: times beside their bounds, counts, and who served whom; plain values, fit for JSON.

Moments are seconds after the event.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Part(NamedTuple):
    """One time of a scenario, and what it may be at most, where anything is promised about it."""

    name: str
    took: float
    bound: float | None = None

    @property
    def broken(self) -> bool:
        return self.bound is not None and self.took > self.bound


class Run(NamedTuple):
    """The same for a while: `what` is a site, "nobody", "failed" or "waited"."""

    since: float
    until: float
    what: str


class Outcome(NamedTuple):
    """Of one scenario. `marks` are moments; `lanes` are for the plot, one above the other."""

    name: str
    text: str
    profile: str
    parts: Sequence[Part] = ()
    counts: Mapping[str, int] = {}
    marks: Mapping[str, float] = {}
    lanes: Mapping[str, Sequence[Run]] = {}
    notes: Sequence[str] = ()  # what is missing, and why it may be
    faults: Sequence[str] = ()  # promises that were broken
    seconds: float = 0.0  # that the scenario took, with all around it

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        parts = [part._asdict() for part in self.parts]
        lanes = {name: [list(run) for run in lane] for name, lane in self.lanes.items()}
        return {**self._asdict(), "parts": parts, "lanes": lanes}

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)


def from_plain(plain: Mapping[str, Any]) -> Outcome:
    """The inverse of `Outcome.plain`."""
    parts = [Part(**part) for part in plain["parts"]]
    lanes = {name: [Run(*run) for run in lane] for name, lane in plain["lanes"].items()}
    return Outcome(**{**plain, "parts": parts, "lanes": lanes})


def merged(pieces: Iterable[Run], gap: float) -> list[Run]:
    """Runs of the same: pieces that follow each other within `gap` seconds become one."""
    found: list[Run] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last and last.what != piece.what:  # what began before the other was over has its place behind it
            piece = piece._replace(since=max(piece.since, min(last.until, piece.until)))
        if last and last.what == piece.what and piece.since - last.until <= gap:
            found[-1] = last._replace(until=piece.until)
        else:
            found.append(piece)
    return [Run(round(run.since, 2), round(run.until, 2), run.what) for run in found]
