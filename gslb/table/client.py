"""The client of one query, as decision nodes see it."""

from collections.abc import Sequence

from gslb.dns.ecs import Ecs
from gslb.geo.nearest import NearestMap
from gslb.policy.nodes import Draw
from gslb.table.entries import Table, holds, unpacked


class Client:
    """Who asks: one object per context, set anew for each query. See gslb.policy.nodes.Client."""

    __slots__ = ("cookie", "ecs", "opt", "rng", "scope", "source", "table", "transport", "uses_ecs")

    def __init__(self, table: Table, rng: Draw) -> None:
        self.rng = rng
        self.ask(table, bytes(4))

    def ask(self, table: Table, source: bytes, transport: int = 0, ecs: Ecs | None = None) -> None:
        """Start on a query from this packed address. `cookie` is what the reply is to carry, if anything.

        `opt` is the reply's OPT record where it is known already; an extended error may still have to be added.
        """
        self.table = table
        self.source = source
        self.ecs = ecs
        self.scope = 0
        self.uses_ecs = False
        self.transport = transport
        self.cookie = self.opt = b""

    @property
    def nearest(self) -> Sequence[NearestMap]:
        """The base table's distance maps."""
        return self.table.base.nearest

    def locate(self) -> tuple[int, int]:
        """Family and address to tailor by. ECS is a hint: placeless subnets count only from senders in `ecs.trust`."""
        ecs = self.ecs
        if ecs is None or not ecs.source:
            return unpacked(self.source)
        if ecs.placeless() and not holds(self.table.base.settings.ecs_trust, self.source):
            return unpacked(self.source)
        self.uses_ecs = True
        return ecs.family, ecs.address
