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
    """What is believed of one target, since when (epoch seconds), and why."""

    verdict: Verdict
    since: float
    reason: str = ""


UNKNOWN = Observation("unknown", 0.0)  # no result yet: `since` says nothing

Belief = Mapping[TargetKey, Observation]


@dataclass(frozen=True, slots=True)
class AddressState:
    """One address of a member: what was observed, what is served, and the steps that made the difference."""

    address: str
    observed: Verdict
    effective: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MemberState:
    """One member of a pool. `drain` is the id of the drain that takes it out, or empty."""

    pool: str
    member: str
    site: str
    addresses: tuple[AddressState, ...]
    drain: str = ""


States = Mapping[str, Mapping[str, MemberState]]  # pool -> member -> state
