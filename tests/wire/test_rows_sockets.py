"""C80: over IPv6 as over IPv4, and from the address that was asked. All other rows run over ::1 as well."""

import socket
from contextlib import closing

import pytest

from gslb.server.batch import wants_pktinfo
from tests.wire.content import our_table
from tests.wire.exchange import Channel, Server, running
from tests.wire.message import query

pytestmark = pytest.mark.ours
ANYWHERE = {"4": "0.0.0.0", "6": "::"}


def asked_at(host: str, port: int) -> str:
    """Where the reply to a query came from; the socket is not connected, so any source would be taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        sock.sendto(query("www"), (host, port))
        reply, source = sock.recvfrom(4096)
    assert reply[:2] == query("www")[:2]
    assert source[1] == port
    return str(source[0])


def test_c80_reply_comes_from_the_address_that_was_asked(server: Server) -> None:
    """source of the reply = destination of the query"""
    for family in "46":
        host, port = server.address(family)
        assert asked_at(host, port) == host


def test_c80_wildcard_addresses() -> None:
    """the same at 0.0.0.0 and ::, by PKTINFO"""
    for family, hosts in (("4", ("127.0.0.1", "127.0.0.2", "127.9.9.9")), ("6", ("::1",))):
        with running(our_table(), (ANYWHERE[family],)) as run:
            udp = [sock for endpoint, sock in run.worker.sockets.items() if endpoint.transport == "udp"]
            assert all(map(wants_pktinfo, udp))
            for host in hosts:
                assert asked_at(host, run.worker.addresses[0][1]) == host
            with closing(Channel(run.server, f"tcp{family}")) as client:
                client.ask(query("www"), "TCP").expect("NOERROR", "qr aa", "1/1/0/0")


def test_c80_v6only() -> None:
    """V6ONLY sockets: a wildcard of one family takes nothing of the other"""
    with running(our_table(), ("::",)) as run:
        for sock in run.worker.sockets.values():
            assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            assert client.connect_ex(("127.0.0.1", run.worker.addresses[0][1])) != 0
