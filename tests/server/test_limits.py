"""Rate limiting as a client far away would meet it: a worker process, a flood from one address, and its bill."""

import gc
import subprocess
import sys
import time
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import pytest

from gslb.config.settings import RateLimit
from gslb.dns.cookie import make_cookie
from gslb.limiter import ANSWER
from gslb.server.channel import Channel
from gslb.server.crew import Crew
from gslb.server.pages import Pages
from gslb.server.process import WorkerProcess
from gslb.server.publish import SharedPublisher
from gslb.server.state import StateFolder
from tests.conftest import ENVIRONMENT, ROOT
from tests.flood import Bill
from tests.fuzz.corpus import SECRET
from tests.lone import lone
from tests.support import config, query, table

RATE, BURST = 50.0, 125.0
SECONDS = 2.0
LOOPBACK = bytes((127, 0, 0, 1))


def test_workers_share_the_rate(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    made = table(config(rate_limit=RateLimit(RATE, BURST)))
    publisher = SharedPublisher(state)
    publisher.publish_base(made.base, made.leaves)
    crowd = Pages(state.pages_path)
    Crew(tmp_path, crowd, [], 4, changed=lambda: None).stop()
    assert crowd.control.workers == 4
    ours, theirs = Channel.pair()
    limiter = WorkerProcess(state, 0, ours, [])._worker._context.limiter
    judged = [limiter.judge(LOOPBACK, 1000 + number / 1000) for number in range(4000)]
    assert judged.count(ANSWER) == pytest.approx((RATE * 4 + BURST) / 4, abs=2)
    gc.unfreeze()
    crowd.close()
    publisher.close()
    ours.close()
    theirs.close()


def flood(port: int, wire: bytes, *, rate: float = 20_000.0, seconds: float = SECONDS) -> Bill:
    """Queries from 127.0.0.1, sent by a process of their own."""
    argv = [sys.executable, "-m", "tests.flood", str(port), wire.hex(), str(rate), str(seconds)]
    done = subprocess.run(argv, capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, check=True)
    return Bill.read(done.stdout)


def allowed(bill: Bill) -> float:
    return BURST + RATE * bill.seconds


def test_a_flood_is_no_amplifier() -> None:
    with lone(rate_limit=[RATE, BURST, 1, False]) as worker:
        bill = flood(worker.port, query("www", payload=1232))
        counted = worker.counters()
    print(bill)
    assert bill.sent / bill.seconds >= 10_000, "this machine is too slow to tell"
    assert bill.bytes_in <= 1.1 * bill.bytes_out
    assert bill.answers == pytest.approx(allowed(bill), rel=0.05)
    assert bill.slips == pytest.approx(bill.sent - bill.answers, rel=0.05)
    assert counted["rate_limited"] == pytest.approx(bill.sent - bill.answers, rel=0.01)
    assert counted["failed"] == 0
    slip = dns.message.from_wire(bill.last)
    assert slip.flags & dns.flags.TC
    assert not slip.answer


def test_every_fourth_slips() -> None:
    with lone(rate_limit=[RATE, BURST, 4, False]) as worker:
        bill = flood(worker.port, query("www"), seconds=1.0)
    assert bill.answers == pytest.approx(allowed(bill), rel=0.05)
    assert bill.slips == pytest.approx((bill.sent - bill.answers) / 4, rel=0.05)
    assert bill.sent - bill.answers - bill.slips == pytest.approx((bill.sent - bill.answers) * 3 / 4, rel=0.05)


def test_who_shows_a_cookie_is_untouched() -> None:
    cookie = make_cookie(SECRET, b"12345678", int(time.time()), LOOPBACK)
    option = dns.edns.CookieOption(cookie[:8], cookie[8:])
    with lone(rate_limit=[RATE, BURST, 1, False]) as worker:
        flood(worker.port, query("www"), seconds=0.2)  # the address is known to ask too much
        bill = flood(worker.port, query("www", options=[option]), rate=2000.0, seconds=0.5)
        counted = worker.counters()
    assert bill.answers == bill.sent
    assert counted["cookies_good"] == bill.sent


def test_who_knows_cookies_gets_one_instead() -> None:
    with lone(rate_limit=[RATE, BURST, 1, False]) as worker:
        bill = flood(worker.port, query("www", options=[dns.edns.CookieOption(b"12345678", b"")]), seconds=0.5)
    assert bill.bad_cookies == pytest.approx(bill.sent - bill.answers, rel=0.05)
    assert bill.bad_cookies > 1000
    assert bill.slips == 0


def test_a_dry_run_only_counts() -> None:
    with lone(rate_limit=[RATE, BURST, 1, True]) as worker:
        bill = flood(worker.port, query("www"), rate=4000.0, seconds=0.5)
        counted = worker.counters()
    assert bill.answers == bill.sent
    assert counted["rate_limited"] == pytest.approx(bill.sent - allowed(bill), rel=0.05)
