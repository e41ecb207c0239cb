"""One reader over a real socket and the real `respond`."""

import random
import socket
from typing import Any

import dns.message
import pytest

from gslb.context import Context
from gslb.responder import respond
from gslb.server import stats as count
from gslb.server import udp
from gslb.server.batch import SIZE
from gslb.server.sockets import Endpoint, open_endpoint
from gslb.server.udp import UdpReader
from tests.support import addresses, config, query, table


class Bench:
    def __init__(self, answer: udp.Respond = respond, host: str = "127.0.0.1") -> None:
        self.context = Context(table(config()), random.Random(1))
        self.stats = count.new_stats()
        self.reader = UdpReader(open_endpoint(Endpoint("udp", host, 0), share=False), self.context, answer, self.stats)
        self.client = socket.socket(self.reader.sock.family, socket.SOCK_DGRAM)
        self.client.settimeout(2)
        self.client.connect(self.reader.sock.getsockname()[:2])


@pytest.fixture
def bench():
    made = []

    def make(*arguments: Any) -> Bench:
        made.append(Bench(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.reader.close()
        one.client.close()


def test_a_query_is_answered(bench) -> None:
    one = bench()
    one.client.send(query("www"))
    one.reader.on_readable()
    assert set(addresses(dns.message.from_wire(one.client.recv(999)))) <= {"192.0.2.10", "198.51.100.10"}
    assert one.context.now > 1.7e9
    assert one.context.counters[0] == 1


def test_families_and_durations_are_counted(bench) -> None:
    one, six = bench(), bench(respond, "::1")
    for each in (one, six, six):
        each.client.send(query("www"))
        each.reader.on_readable()
    assert (one.stats[count.UDP6_QUERIES], six.stats[count.UDP6_QUERIES]) == (0, 2)
    assert sum(six.stats[count.UDP_WITHIN : count.UDP_WITHIN + len(count.BATCH_BOUNDS) + 1]) == 2
    assert 0 < six.stats[count.UDP_BATCH_US] < 2_000_000


def test_others_get_their_turn(bench) -> None:
    one = bench()
    total = udp.ROUNDS * SIZE + 10
    for _ in range(total):
        one.client.send(query("www"))
    one.reader.on_readable()
    assert one.stats[count.UDP_RECEIVED] == udp.ROUNDS * SIZE
    one.reader.on_readable()
    assert one.stats[count.UDP_RECEIVED] == total
    assert one.stats[count.UDP_FULL_BATCHES] == udp.ROUNDS


def test_the_last_act_answers_all_that_waits(bench) -> None:
    one = bench()
    for _ in range(300):
        one.client.send(query("www"))
    one.reader.drain()
    assert one.stats[count.UDP_SENT] == 300
    one.reader.drain()
    assert one.stats[count.UDP_SENT] == 300


def test_no_reply_and_a_fault_cost_nobody_else(bench) -> None:
    def answer(context: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
        if wire == b"fault":
            raise RuntimeError("a fault of ours")
        return None if wire == b"drop" else wire

    one = bench(answer)
    for wire in (b"a", b"fault", b"drop", b"b"):
        one.client.send(wire)
    one.reader.on_readable()
    assert [one.client.recv(9), one.client.recv(9)] == [b"a", b"b"]
    assert one.stats[count.RESPOND_ERRORS] == 1


def test_what_the_kernel_dropped_is_counted_once(bench) -> None:
    one = bench()
    one.reader.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(100):
        one.client.send(bytes(1000))
    one.reader.count_drops()
    dropped = one.stats[count.UDP_KERNEL_DROPS]
    assert dropped > 0
    one.reader.count_drops()
    assert one.stats[count.UDP_KERNEL_DROPS] == dropped
