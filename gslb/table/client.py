"""The client of one query, as decision nodes see it."""

from collections.abc import Sequence

from gslb.dns.ecs import Ecs
from gslb.geo.nearest import NearestMap
from gslb.policy.nodes import Draw
from gslb.table.entries import Table, unpacked


class Client:
    """Who asks: one object per context, set anew for each query. See gslb.policy.nodes.Client."""

    __slots__ = ("ecs", "rng", "scope", "source", "table", "uses_ecs")

    def __init__(self, table: Table, rng: Draw) -> None:
        self.rng = rng
        self.ask(table, b"\0\0\0\0", None)

    def ask(self, table: Table, source: bytes, ecs: Ecs | None) -> None:
        """Start on a query from this packed address."""
        self.table = table
        self.source = source
        self.ecs = ecs
        self.scope = 0
        self.uses_ecs = False

    @property
    def nearest(self) -> Sequence[NearestMap]:
        """The base table's distance maps."""
        return self.table.base.nearest

    def locate(self) -> tuple[int, int]:
        """Family and address to tailor by. ECS is a hint: placeless subnets count only from senders in `ecs.trust`."""
        ecs = self.ecs
        if ecs is None or not ecs.source or (ecs.placeless() and not self._trusted()):
            return unpacked(self.source)
        self.uses_ecs = True
        return ecs.family, ecs.address

    def _trusted(self) -> bool:
        family, address = unpacked(self.source)
        bits = 32 if family == 4 else 128
        return any(
            family == version and address >> (bits - length) == network >> (bits - length)
            for version, network, length in self.table.base.ecs_trust
        )
