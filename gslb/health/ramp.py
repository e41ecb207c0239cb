"""Ramp (semantics section 3, step 7): a member that returns begins with a tenth of its weight. Pure."""

from typing import NamedTuple

FIRST = 0.1  # share of the weight at the beginning
STEPS = 20  # each is served for the same time, and is at most 2.25 points from the line


class Share(NamedTuple):
    """The part of its weight that a member has, and when that changes."""

    share: float
    at: float | None


def ramped(began: float, ramp: float, now: float) -> Share:
    """The share at `now` of a member that returned at `began` and reaches its whole weight `ramp` seconds later."""
    step = int((now - began) / ramp * STEPS + 1e-6)
    step = max(step, 0)
    if began + (step + 1) * ramp / STEPS <= now:  # a boundary that the clock's own steps have blurred
        step += 1
    if step >= STEPS:
        return Share(1.0, None)
    middle = (step + 0.5) / STEPS
    return Share(FIRST + (1 - FIRST) * middle, began + (step + 1) * ramp / STEPS)
