"""Hostile bytes into respond(): a million here, ten million with `make soak` (GSLB_FUZZ sets another number).

Every run starts from a seed that it prints, so that a find can be repeated with GSLB_FUZZ_SEED.
"""

import gc
import os
import random
import time
from collections import Counter
from itertools import islice, product

import pytest

from gslb.config.settings import RateLimit
from gslb.context import TCP, UDP, Context
from gslb.counters import COOKIES_GOOD, COOKIES_LEARNED, FAILED, RATE_LIMITED
from gslb.limiter import Limiter
from gslb.responder import respond
from tests.fuzz.corpus import NOW, datagrams, independent, seeds, silent
from tests.fuzz.measure import resident
from tests.fuzz.world import SOURCES, contexts, made
from tests.support import query

SEED = int(os.environ.get("GSLB_FUZZ_SEED", str(random.randrange(2**32))))
COUNT = int(os.environ.get("GSLB_FUZZ", "1000000"))
LONG_COUNT = 10_000_000

READ_ALL = 50_000  # replies that an independent reader takes apart, before it takes one in READ_EVERY
READ_EVERY = 200
WARM = 100_000  # inputs after which memory has to stay as it is
MOST_GROWTH = 2 << 20
SLOW = 0.010  # seconds of processor time for one input
_BATCH = 100  # inputs between two looks at the clock: one slow input makes a slow batch
_TRIES = 3


@pytest.mark.no_cover  # measuring coverage would cost a minute, and other tests cover the same lines
@pytest.mark.timeout(600)
def test_hostile_datagrams() -> None:
    storm(COUNT)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_hostile_datagrams_long() -> None:
    storm(LONG_COUNT)


def storm(count: int) -> None:
    print(f"seed {SEED}, {count} datagrams")
    rng = random.Random(SEED)
    every = contexts()
    kinds: Counter[str] = Counter()
    inputs = datagrams(rng, count)
    before = resident()
    begun = time.monotonic()
    done = 0
    while batch := list(islice(inputs, _BATCH)):
        ctx, source, transport = rng.choice(every), rng.choice(SOURCES), rng.choice((UDP, TCP))
        ctx.now = NOW + done / 1000
        started = time.thread_time()
        replies = [respond(ctx, wire, source, transport) for wire in batch]
        if time.thread_time() - started > SLOW:
            for wire in batch:
                assert quickest(ctx, wire, source, transport) <= SLOW, f"seed {SEED}: too slow: {wire.hex()}"
        for number, (wire, reply) in enumerate(zip(batch, replies, strict=True), done):
            whole = number < READ_ALL or number % READ_EVERY == 0
            kinds[check(wire, reply, transport, whole=whole)] += 1
        done += len(batch)
        if done == WARM:
            gc.collect()
            before = resident()
    gc.collect()
    growth = resident() - before
    print(f"{done / (time.monotonic() - begun):.0f} a second, memory {growth >> 10:+} KiB, {dict(kinds)}")
    assert not any(ctx.counters[FAILED] for ctx in every), f"seed {SEED}: respond() met a fault of ours"
    assert {"silence", "unread", "NOERROR", "NXDOMAIN", "FORMERR", "NOTIMP", "REFUSED", "SERVFAIL"} <= set(kinds)
    assert growth <= MOST_GROWTH


def quickest(ctx: Context, wire: bytes, source: bytes, transport: int) -> float:
    """Processor time of one input, the best of some tries: what the machine does meanwhile is not its fault."""
    times = []
    for _ in range(_TRIES):
        started = time.thread_time()
        respond(ctx, wire, source, transport)
        times.append(time.thread_time() - started)
    return min(times)


def check(wire: bytes, reply: bytes | None, transport: int, *, whole: bool) -> str:
    """Silence where none may answer, else a message that an independent reader accepts whole (if asked to read it)."""
    about = f"seed {SEED}: {wire.hex()}"
    assert (reply is None) is silent(wire), about
    if reply is None:
        return "silence"
    assert reply[:2] == wire[:2], about
    assert reply[2] & 0x80, about
    assert transport == TCP or len(reply) <= 1232, about
    if not whole:
        return "unread"
    try:
        return str(independent(reply).rcode().name)
    except Exception as error:
        raise AssertionError(f"{about} got {reply.hex()}: {error}") from error


@pytest.mark.parametrize("slip", [0, 1])
def test_hostile_datagrams_while_replies_are_limited(slip: int) -> None:
    rng = random.Random(SEED)
    for source in SOURCES:
        ctx = made()
        ctx.limiter = Limiter(RateLimit(1.0, 1.0, slip), 1.0, rng)
        ctx.now = NOW  # time stands still
        assert respond(ctx, query("www"), source, UDP)  # the only one that the limit allows
        proven = 0
        for wire in datagrams(rng, 10_000):
            good = ctx.counters[COOKIES_GOOD]
            reply = respond(ctx, wire, source, UDP)
            if ctx.counters[COOKIES_GOOD] > good:
                proven += 1  # whoever proves its address is not limited
            elif reply is not None:
                assert check(wire, reply, UDP, whole=True) in {"NOERROR", "BADCOOKIE"}, f"seed {SEED}: {wire.hex()}"
                assert len(reply) <= len(wire) + 28, f"seed {SEED}: {wire.hex()}"
        assert ctx.counters[FAILED] == 0
        assert ctx.counters[RATE_LIMITED] > 5_000
        assert proven > 10


def test_what_is_remembered_changes_no_reply() -> None:
    """Of honest queries, each asked twice, with records that drive each other out."""
    reading, remembering, *_ = contexts()
    reading.now = remembering.now = NOW
    for wire, source in product(seeds(), SOURCES):
        learned = []
        for _ in range(2):
            reading.client.rng, remembering.client.rng = random.Random(1), random.Random(1)
            assert respond(remembering, wire, source, UDP) == respond(reading, wire, source, UDP), wire.hex()
            learned.append(remembering.counters[COOKIES_LEARNED])
        assert learned[0] == learned[1], "the same again at once is remembered"
    assert remembering.counters[COOKIES_LEARNED] > 100
