"""Drains for a part of the clients: what each client would be answered if the drains that keep it away were whole ones.

So a drain of 10 percent shows what one of 100 percent will do, down to the pool that is served next. Where nothing at
all would be left to a client, its drains give way. Each target has a hash of its own; beyond the first few targets of
a chain the others share one, so that they keep the same clients away and the tree stays small.
"""

from collections.abc import Callable, Sequence, Set
from typing import Final, NamedTuple

from gslb.policy.nodes import Node
from gslb.policy.split import Split
from gslb.table.pack import dump_node
from gslb.table.poolview import PoolView

MOST_APART: Final = 4  # targets with a hash of their own: the tree has at most 2^4 children for each

Choose = Callable[[Sequence[PoolView]], Node]


class Axis(NamedTuple):
    """One hash of the client, and the drains that go by it: percent and target of each."""

    salt: str
    parts: tuple[tuple[int, str], ...]


def split(views: Sequence[PoolView], choose: Choose) -> Node:
    """The node for the pools of a chain; `choose` makes it of views in which drains are whole or nothing."""
    parts = {target: percent for view in views for target, percent in view.parts.items()}
    if not parts:
        return choose(views)
    return _Parted(views, choose).node(axes(parts), frozenset())


def axes(parts: dict[str, int]) -> list[Axis]:
    """The hashes for these targets and percents, in an order that does not depend on the percents."""
    targets = sorted(parts)
    apart = len(targets) if len(targets) <= MOST_APART else MOST_APART - 1
    found = [Axis(target, ((parts[target], target),)) for target in targets[:apart]]
    rest = tuple((parts[target], target) for target in targets[apart:])
    return [*found, Axis("", rest)] if rest else found


class _Parted:
    """Makes one node of many, each for those that the same drains keep away."""

    def __init__(self, views: Sequence[PoolView], choose: Choose) -> None:
        self._views = views
        self._choose = choose
        self._whole = choose(views)

    def node(self, left: Sequence[Axis], away: Set[str]) -> Node:
        """The node for clients that are kept `away` from these targets, and by these axes maybe from more."""
        if not left:
            return self._leaf(away)
        axis = left[0]
        percents = sorted({percent for percent, _ in axis.parts})
        children = [
            self.node(left[1:], away | {target for percent, target in axis.parts if percent >= bound})
            for bound in percents
        ]
        children.append(self.node(left[1:], away))
        packed = [dump_node(child) for child in children]
        if all(one == packed[-1] for one in packed):  # the drain is of nothing that is answered now
            return children[-1]
        return Split(axis.salt.encode(), percents, children)

    def _leaf(self, away: Set[str]) -> Node:
        views = [view.without(away) for view in self._views] if away else self._views
        return self._choose(views) if any(view.lives for view in views) else self._whole
