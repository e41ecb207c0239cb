"""What answering needs beside the query: the table, the draw, and the counters."""

from typing import Final

from gslb import counters
from gslb.dns.message import Query
from gslb.limiter import Limiter
from gslb.memory import Memory
from gslb.policy.nodes import Draw
from gslb.table.client import Client
from gslb.table.entries import Table
from gslb.table.rows import ignored

UDP: Final = 0
TCP: Final = 1


class Context:
    """What `respond` needs beside the query. `table` is swapped by one assignment; `now` is epoch seconds.

    `query` and `client` are filled anew for each message.
    `limiter` is None where replies are not limited, `memory` where every OPT record is read.
    `rows` count by zone, name, type and site (gslb.table.rows); unless somebody puts others there, nobody reads them.
    `keepalive` is the idle time promised to TCP clients, in 0.1 s.
    """

    __slots__ = ("client", "counters", "keepalive", "limiter", "memory", "now", "query", "rows", "table")

    def __init__(self, table: Table, rng: Draw) -> None:
        self.table = table
        self.now = 0.0
        self.limiter: Limiter | None = None
        self.memory: Memory | None = None
        self.keepalive = 0
        self.counters = [0] * len(counters.NAMES)
        self.rows = ignored(table.base)
        self.client = Client(table, rng)
        self.query = Query()
