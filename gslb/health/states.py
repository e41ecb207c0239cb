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
    word; `share` the part of its weight that it has while it ramps up.

    Where `percent` is less than 100, the drain takes it out for that part of the client networks alone, drawn by
    `drained_with`, its target; the addresses stay as they are. `ttl`: the most that an answer with it may live, since
    an operator is about to take it out; None: as configured.
    """

    member: str
    site: str
    addresses: tuple[AddressState, ...]
    drain: str = ""
    forced_down: bool = False
    share: float = 1.0
    percent: int = 100
    drained_with: str = ""
    ttl: int | None = None

    @property
    def live(self) -> bool:
        """Whether at least one address of it is served, or it is a name that nobody probes or takes out."""
        out = self.addresses or self.drained or self.forced_down
        return not out or any(address.effective == "up" for address in self.addresses)

    @property
    def drained(self) -> bool:
        """Whether a drain takes it out for all clients."""
        return bool(self.drain) and self.percent >= 100

    @property
    def drained_in_part(self) -> bool:
        """Whether a drain takes it out for some."""
        return bool(self.drain) and self.percent < 100


States = Mapping[str, Mapping[str, MemberState]]  # pool -> member -> state
