"""What one reply costs inside respond(): `python bench/respond.py`. Processor time, in process, best of five rounds."""

import random
import sys
import time
from pathlib import Path

import dns.edns

sys.path.insert(0, str(Path(__file__).parent.parent))

from gslb.config.model import Match, Pool, Rule
from gslb.config.settings import RateLimit
from gslb.context import UDP, Context
from gslb.limiter import Limiter
from gslb.responder import respond
from tests.support import OSAKA, SOURCE, TOKYO, config, context, name, query, table

ROUNDS, COUNT = 5, 50_000


def made(**settings: object) -> Context:
    """A weighted name, one by rules, one by hash."""
    rules = (Rule(("web",), match=Match(subnet=("1.0.0.0/8", "9.0.0.0/9"))), Rule(("hash",)))
    pools = [Pool("web", (TOKYO, OSAKA)), Pool("hash", (TOKYO, OSAKA), policy="hash")]
    names = [name("www", Rule(("web",))), name("geo", *rules), name("hash", Rule(("hash",)))]
    ctx = context(table(config((), pools, names, **settings)))  # type: ignore[arg-type]
    ctx.now = 1_790_000_000.0
    return ctx


def micros(ctx: Context, wire: bytes) -> float:
    """Microseconds per reply."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(COUNT):
            respond(ctx, wire, SOURCE, UDP)
        best = min(best, time.process_time() - begun)
    return best / COUNT * 1e6


def main() -> None:
    """Print a Markdown table."""
    plain, proving, limiting = made(), made(cookie_secrets=(bytes(16),)), made()
    limiting.limiter = Limiter(RateLimit(rate=1e9, burst=1e9), 1.0, random.Random(1))
    subnet = dns.edns.ECSOption("1.2.3.0", 24)
    cases = {
        "A": (plain, query("www")),
        "A with EDNS": (plain, query("www", payload=1232)),
        "A with EDNS, new client cookie": (
            proving,
            query("www", options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")]),
        ),
        "A with EDNS, rate limiting on": (limiting, query("www", payload=1232)),
        "A by rules, EDNS with ECS": (plain, query("geo", options=[subnet])),
        "A by hash of two members, EDNS": (plain, query("hash", payload=1232)),
        "NXDOMAIN with EDNS": (plain, query("missing", payload=1232)),
        "REFUSED with EDNS": (plain, query("www.example.net.", payload=1232)),
        "malformed": (plain, query("www")[:20]),
    }
    print("| reply | µs |\n|---|---|")
    for label, (ctx, wire) in cases.items():
        print(f"| {label} | {micros(ctx, wire):.2f} |")


if __name__ == "__main__":
    main()
