"""The values that health is made of; shared by tracker, effective state, compiler and API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Verdict = Literal["up", "down", "unknown"]


class TargetKey(NamedTuple):
    """What is probed: one schedule per monitor and address, however many pools refer to it."""

    monitor: str
    address: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What is believed of one target, since when (epoch seconds), and why.

    `calm` ends with the first failed probe and comes back with `rise` good ones. `no_quorum`: the votes decide nothing,
    so what was believed before is kept.
    """

    verdict: Verdict
    since: float
    reason: str = ""
    calm: bool = True
    no_quorum: bool = False


UNKNOWN = Observation("unknown", 0.0)  # no result yet: `since` says nothing

Belief = Mapping[TargetKey, Observation]


class Step(NamedTuple):
    """One step of gslb.health.effective that had a say: its name, the verdict that it left, and why."""

    name: str
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class AddressState:
    """One address of a member: what was observed, what is served, and the steps that made the difference."""

    address: str
    observed: Verdict
    effective: Verdict
    reason: str = ""
    steps: tuple[Step, ...] = ()
    calm: bool = True


@dataclass(frozen=True, slots=True)
class MemberState:
    """One member of a pool. `drain` is the id of the drain that takes it out, or empty; `forced_down` an operator's
    word; `share` the part of its weight that it has while it ramps up."""

    pool: str
    member: str
    site: str
    addresses: tuple[AddressState, ...]
    drain: str = ""
    forced_down: bool = False
    share: float = 1.0


States = Mapping[str, Mapping[str, MemberState]]  # pool -> member -> state
