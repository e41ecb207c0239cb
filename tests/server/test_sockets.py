"""Options and conflicts of real sockets."""

import os
import socket
import subprocess
import sys

import pytest

from gslb.errors import StateError
from gslb.server import sockets
from gslb.server.sockets import (
    Endpoint,
    address_text,
    check_free,
    endpoints,
    kernel_drops,
    open_addresses,
    open_endpoint,
)


def test_addresses_are_written_as_people_do() -> None:
    assert address_text(("192.0.2.1", 53)) == "192.0.2.1:53"
    assert str(Endpoint("udp", "2001:db8::1", 53)) == "[2001:db8::1]:53 (UDP)"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_what_every_socket_is(host: str, transport: sockets.Transport) -> None:
    with open_endpoint(Endpoint(transport, host, 0), share=True) as sock:
        assert not sock.getblocking()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
        v6 = ":" in host
        level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
        if v6:
            assert sock.getsockopt(level, socket.IPV6_V6ONLY)
        assert sock.getsockopt(level, 78 if v6 else 15)  # freebind
        if transport == "tcp":
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        else:
            assert sock.getsockopt(level, 23 if v6 else 10) == 5  # IP_PMTUDISC_OMIT
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 200_000
            assert bool(sock.getsockopt(level, 49 if v6 else 8)) == (host in ("0.0.0.0", "::"))


def test_a_virtual_address_need_not_be_there_yet() -> None:
    open_endpoint(Endpoint("udp", "192.0.2.77", 0), share=False).close()


def test_without_privileges_the_receive_buffer_is_what_everyone_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_SO_RCVBUFFORCE", socket.SO_RCVBUF)
    real = socket.socket.setsockopt
    refused = []

    def setsockopt(self: socket.socket, level: int, option: int, value: int) -> None:
        if option == socket.SO_RCVBUF and not refused:
            refused.append(option)
            raise PermissionError
        real(self, level, option, value)

    monkeypatch.setattr(socket.socket, "setsockopt", setsockopt)
    with open_endpoint(Endpoint("udp", "127.0.0.1", 0), share=False) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 0
    assert refused


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_address_in_use_names_itself_and_its_holder(transport: sockets.Transport) -> None:
    with open_endpoint(Endpoint(transport, "127.0.0.1", 0), share=True) as held:
        port = held.getsockname()[1]
        message = rf"127.0.0.1:{port} \({transport.upper()}\) is in use by process {os.getpid()}"
        with pytest.raises(StateError, match=message):
            open_endpoint(Endpoint(transport, "127.0.0.1", port), share=False)
        with pytest.raises(StateError, match=message):
            check_free([("127.0.0.1", port)])  # SO_REUSEPORT of the holder does not let a stranger in


def test_a_holder_that_cannot_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "port_holders", lambda *_: set())
    with open_endpoint(Endpoint("udp", "127.0.0.1", 0), share=False) as held:
        port = held.getsockname()[1]
        with pytest.raises(StateError, match="in use by another process"):
            check_free([("127.0.0.1", port)])


def test_other_failures_give_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(StateError, match="cannot be opened: Permission denied") as caught:
        open_endpoint(Endpoint("udp", "127.0.0.1", 53), share=False)
    assert "root" in caught.value.hint


def test_only_our_own_orphans_may_hold_an_address() -> None:
    held = open_addresses([("127.0.0.1", 0)], {}, share=False)
    port = next(iter(held)).port
    for sock in held.values():
        sock.close()
    held = open_addresses([("127.0.0.1", port)], {}, share=True)
    check_free([("127.0.0.1", port)], {os.getpid()})
    with pytest.raises(StateError):
        check_free([("127.0.0.1", port)], {os.getpid() + 1})
    for sock in held.values():
        sock.close()
    check_free([("127.0.0.1", port)])


def test_all_or_none_are_open(free_port) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(StateError, match=f"127.0.0.1:{port} \\(TCP\\)"):
            open_addresses([("127.0.0.1", port)], {}, share=True)
    check_free([("127.0.0.1", port)])


def test_adopted_sockets_are_kept_and_missing_ones_opened(free_port) -> None:
    port = free_port()
    place = Endpoint("udp", "127.0.0.1", port)
    adopted = {place: open_endpoint(place, share=True)}
    opened = open_addresses([("127.0.0.1", port)], adopted, share=True)
    assert opened[place] is adopted[place]
    assert set(opened) == set(endpoints([("127.0.0.1", port)]))
    for sock in opened.values():
        sock.close()


def test_port_zero_is_one_port_for_both_even_if_the_first_is_half_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sockets.open_endpoint
    failures = [StateError("taken for UDP")]

    def once(endpoint: Endpoint, *, share: bool) -> socket.socket:
        if endpoint.transport == "udp" and failures:
            raise failures.pop()
        return real(endpoint, share=share)

    monkeypatch.setattr(sockets, "open_endpoint", once)
    opened = open_addresses([("::1", 0)], {}, share=False)
    assert len({endpoint.port for endpoint in opened}) == 1
    assert [sock.getsockname()[1] for sock in opened.values()] == [endpoint.port for endpoint in opened]
    for sock in opened.values():
        sock.close()


def test_the_kernel_tells_what_it_dropped() -> None:
    sock = open_endpoint(Endpoint("udp", "127.0.0.1", 0), share=False)
    with sock, socket.socket(type=socket.SOCK_DGRAM) as c:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.connect(sock.getsockname())
        assert kernel_drops(sock) == 0
        for _ in range(100):
            c.send(bytes(1000))
        assert 0 < kernel_drops(sock) <= 100
    assert kernel_drops(sock) == 0  # closed: nothing to tell


def test_two_processes_share_an_address_only_if_both_agree(free_port) -> None:
    port = free_port()
    code = (
        "import sys; from gslb.server.sockets import *\n"
        f"held = open_endpoint(Endpoint('udp', '127.0.0.1', {port}), share=True)\n"
        "print(1, flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:  # type: ignore[call-overload]
        other.stdout.readline()
        open_endpoint(Endpoint("udp", "127.0.0.1", port), share=True).close()
        with pytest.raises(StateError, match=f"process {other.pid}"):
            check_free([("127.0.0.1", port)])
        other.stdin.close()
