"""Every honest query of the corpus, and some spoilt ones, from every source to every table: for coverage to watch.

python -m tests.fuzz.reach [SPOILT]     how many spoilt ones, 2,000 if not given
"""

import random
import sys

from gslb.config.settings import RateLimit
from gslb.context import TCP, UDP, Context
from gslb.counters import FAILED
from gslb.limiter import Limiter
from gslb.responder import respond
from tests.fuzz.corpus import NOW, datagrams, seeds
from tests.fuzz.world import SOURCES, contexts, made


def every_context() -> list[Context]:
    """Those that answer everything, and those that limit replies: by silence, by short replies, and not in earnest."""
    limits = RateLimit(1.0, 1.0, 0), RateLimit(1.0, 1.0, 1), RateLimit(1.0, 1.0, 1, dry_run=True)
    limited = [made() for _ in limits]
    for ctx, limit in zip(limited, limits, strict=True):
        ctx.limiter = Limiter(limit, 1.0, random.Random(1))
    return [*contexts(), *limited]


def run(spoilt: int) -> None:
    """Ask everything; nothing may be met by a fault of ours."""
    wires = [*seeds(), *datagrams(random.Random(1), spoilt)]
    for ctx in every_context():
        ctx.now = float(NOW)
        for wire in wires:
            for source in SOURCES:
                for transport in (UDP, TCP):
                    respond(ctx, wire, source, transport)
        assert not ctx.counters[FAILED], "a fault of ours"


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
