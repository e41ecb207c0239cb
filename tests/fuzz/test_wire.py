"""Hostile datagrams over the wire into a worker process: 100,000 here, a million with `make soak`.

GSLB_FUZZ_SEED repeats a run.
"""

import os
import random
import socket
import time
from itertools import islice

import pytest

from tests.fuzz.corpus import datagrams, silent
from tests.fuzz.measure import resident
from tests.lone import Lone, lone
from tests.support import query

SEED = int(os.environ.get("GSLB_FUZZ_SEED", str(random.randrange(2**32))))
COUNT = 100_000
LONG_COUNT = 1_000_000
WARM = 100_000  # datagrams of every kind after which memory has to stay as it is
MOST_GROWTH = 2 << 20
_WINDOW = 64  # datagrams under way


def storm(sock: socket.socket, rng: random.Random, count: int) -> None:
    """Send so many, and take exactly the replies that are due."""
    inputs = datagrams(rng, count)
    while batch := list(islice(inputs, _WINDOW)):
        due: list[bytes] = []
        for wire in batch:
            sock.send(wire)
            if not silent(wire):
                due.append(wire[:2])
        try:
            replies = [sock.recv(4096) for _ in due]
        except TimeoutError as error:
            raise AssertionError(f"seed {SEED}: no reply to one of {[wire.hex() for wire in batch]}") from error
        assert sorted(reply[:2] for reply in replies) == sorted(due), f"seed {SEED}"
        assert all(reply[2] & 0x80 and len(reply) <= 1232 for reply in replies), f"seed {SEED}"


def attack(worker: Lone, count: int, warm: int) -> None:
    rng = random.Random(SEED)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", worker.port))
        sock.settimeout(5)
        storm(sock, rng, warm)
        before = resident(worker.pid)
        begun = time.monotonic()
        storm(sock, rng, count)
        growth = resident(worker.pid) - before
        print(f"seed {SEED}: {count / (time.monotonic() - begun):.0f} a second, memory {growth >> 10:+} KiB")
        assert growth <= MOST_GROWTH
        sock.send(query("www"))
        assert sock.recv(4096)
    counted = worker.counters()  # it answers: the same process as at the beginning
    assert counted["udp_received"] == warm + count + 1
    assert counted["failed"] == counted["respond_errors"] == counted["udp_send_errors"] == 0
    assert counted["ignored"] + counted["udp_sent"] == counted["udp_queries"]


@pytest.mark.timeout(120)
def test_hostile_datagrams_over_the_wire() -> None:
    with lone() as worker:
        attack(worker, COUNT, WARM)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_hostile_datagrams_over_the_wire_long() -> None:
    with lone() as worker:
        attack(worker, LONG_COUNT, WARM)
