"""A datagram that cannot be answered, amid others that can."""

import signal
import socket
import struct
from collections.abc import Callable

import pytest

from gslb.server.processes import ProcessId
from tests.e2e.kit import Node, eventually
from tests.support import query

pytestmark = pytest.mark.e2e

BEFORE, AFTER = 10, 10


def send_from_port_zero(port: int, wire: bytes) -> None:
    """A UDP datagram with source port 0 and no checksum (RFC 768)."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        pytest.skip("raw sockets need root or CAP_NET_RAW")
    with raw:
        raw.sendto(struct.pack("!HHHH", 0, port, 8 + len(wire), 0) + wire, ("127.0.0.1", port))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_with_source_port_zero_loses_no_other_reply(make_node: Callable[[], Node], workers: int) -> None:
    """The process is stopped while the datagrams queue up, so that they come as one batch."""
    node = make_node().write(workers=workers).start().ready()
    (before,) = node.serving().values()
    assert node.process
    pid = node.run()["workers"][0].pid if workers else node.process.pid
    process = ProcessId.of(pid)
    assert process
    clients = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(BEFORE + AFTER)]
    process.send(signal.SIGSTOP)
    try:
        for number, client in enumerate(clients):
            client.settimeout(2)
            client.connect(("127.0.0.1", node.dns))
            if number == BEFORE:
                send_from_port_zero(node.dns, query("www"))
            client.send(struct.pack("!H", number) + query("www")[2:])
        process.send(signal.SIGCONT)
        replies = [client.recv(999) for client in clients]
    finally:
        process.send(signal.SIGCONT)
        for client in clients:
            client.close()
    assert [int.from_bytes(reply[:2], "big") for reply in replies] == list(range(BEFORE + AFTER))
    eventually(lambda: next(iter(node.serving().values()))["udp_port_zero"] == 1, 5)
    (after,) = node.serving().values()
    moved = {name: after[name] - before[name] for name in after if name.startswith("udp_") and after[name]}
    print(f"\nworkers: {workers}: {moved}")
    assert (moved["udp_received"], moved["udp_sent"]) == (BEFORE + AFTER + 1, BEFORE + AFTER)
    assert moved["udp_batches"] == 1
    assert not moved.get("udp_send_errors", 0)
