"""What a node told the world: what it serves from now on, and why."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gslb.health.states import AddressState, MemberState, States
from gslb.policy.nodes import Node as Leaf

if TYPE_CHECKING:
    from tests.simulation.node import Node


class Publication(NamedTuple):
    """What a node serves from `now` on: the share of each address, IPv4 and `six`, and what it comes from.

    `leaf` is that of IPv4.
    """

    node: "Node"
    now: float
    states: States
    before: States
    served: Mapping[str, float]
    leaf: Leaf
    six: Mapping[str, float]

    def why(self) -> str:
        """The members that are otherwise than before."""
        told = []
        for name, state in self.states["web"].items():
            old = self.before["web"][name] if self.before else None
            for at, one in enumerate(state.addresses):
                if old is None or old.addresses[at].effective != one.effective:
                    told.append(f"{name} {one.effective} ({one.reason})")
        return ", ".join(told)


def live(states: States, *, six: bool = False) -> set[str]:
    """The addresses of one family that live."""
    members = states["web"].values()
    return {a.address for one in members for a in one.addresses if a.effective == "up" and (":" in a.address) == six}


def serves(state: MemberState) -> bool:
    """Whether any address of the member lives."""
    return any(one.effective == "up" for one in state.addresses)


def stands(one: AddressState) -> bool:
    """Whether health has nothing against an address: what it answers itself, and what it requires."""
    return one.observed != "down" and not any(step.name == "requires" for step in one.steps)


def step_of(one: AddressState, name: str) -> bool:
    """Whether this step had a say."""
    return any(step.name == name for step in one.steps)
