"""Networks: what is cut, lossy or slow is that, one way where it should be, and nothing is left behind."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.kit import eventually
from tests.e2e.lab.host import Host
from tests.e2e.lab.lab import Lab
from tests.e2e.lab.net import Network, pids

pytestmark = pytest.mark.e2e


def received(source: Host, target: Host, count: int) -> int:
    """How many of so many datagrams from one host reach another."""
    with source.open_socket() as sender, target.open_socket() as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        receiver.bind((target.address, 0))
        receiver.settimeout(0.1)
        got = 0
        for number in range(count):
            with suppress(OSError):
                sender.sendto(b"x", receiver.getsockname())
            if number % 100 == 99:
                time.sleep(0.001)
        with suppress(OSError):
            while receiver.recv(10):
                got += 1
        return got


def round_trip(source: Host, target: Host) -> float:
    """Seconds for a datagram there and back."""
    with source.open_socket() as here, target.open_socket() as there:
        here.bind((source.address, 0))
        there.bind((target.address, 0))
        for sock in (here, there):
            sock.settimeout(2)
        begun = time.monotonic()
        here.sendto(b"x", there.getsockname())
        there.sendto(*there.recvfrom(10))
        here.recv(10)
        return time.monotonic() - begun


def test_links_are_cut_and_healed(quiet: Lab) -> None:
    tokyo, osaka = quiet.etcd.members.values()
    neighbour, tokyo_site = quiet.targets["tokyo"].host, quiet.sites["tokyo"]
    assert received(tokyo, osaka, 10) == received(quiet.client, tokyo, 10) == received(tokyo, neighbour, 10) == 10
    quiet.network.cut(tokyo_site)
    assert received(tokyo, osaka, 10) == received(quiet.client, tokyo, 10) == 0
    assert received(tokyo, neighbour, 10) == received(quiet.client, osaka, 10) == 10
    quiet.network.heal(tokyo_site)
    assert received(tokyo, osaka, 10) == received(quiet.client, tokyo, 10) == 10
    quiet.network.cut(tokyo.place)
    assert received(tokyo, neighbour, 10) == received(osaka, tokyo, 10) == 0
    assert received(neighbour, osaka, 10) == 10
    quiet.network.heal(tokyo.place)
    assert received(tokyo, neighbour, 10) == received(osaka, tokyo, 10) == 10


@pytest.mark.parametrize("ends", ["sites", "hosts", "host to site", "from everywhere"])
def test_the_told_share_is_lost_one_way(quiet: Lab, ends: str) -> None:
    tokyo, osaka = quiet.etcd.members.values()
    here, there = quiet.sites["tokyo"], quiet.sites["osaka"]
    source, target = {
        "sites": (here, there),
        "hosts": (tokyo.place, osaka.place),
        "host to site": (tokyo.place, there),
        "from everywhere": (None, osaka.place),
    }[ends]
    assert received(tokyo, osaka, 10) == 10  # they know each other's hardware address
    quiet.network.lose(source, target, 0.1)
    share, back = 1 - received(tokyo, osaka, 4000) / 4000, received(osaka, tokyo, 1000)
    print(f"\n{ends}: lost {share:.2%}, and {1 - back / 1000:.2%} on the way back")
    assert 0.07 < share < 0.13
    assert back == 1000
    quiet.network.lose(source, target, 0)
    assert received(tokyo, osaka, 1000) == 1000


def test_delays_add_up_and_nothing_is_lost(quiet: Lab) -> None:
    tokyo, osaka = quiet.etcd.members.values()
    quick = round_trip(tokyo, osaka)
    quiet.network.delay(quiet.sites["tokyo"], 0.05, 0.03)
    slow = min(round_trip(tokyo, osaka) for _ in range(3))
    quiet.network.delay(osaka.place, 0.02, 0.01)
    slower = min(round_trip(tokyo, osaka) for _ in range(3))
    begun = time.monotonic()
    assert transferred(tokyo, osaka, 4 << 20) == 4 << 20
    took = time.monotonic() - begun
    for place in (quiet.sites["tokyo"], osaka.place):
        quiet.network.delay(place, 0, 0)
    again = min(round_trip(tokyo, osaka) for _ in range(3))
    print(f"\nround trips {quick:.4f} {slow:.4f} {slower:.4f} {again:.4f} s; 4 MB over TCP in {took:.2f} s")
    assert 0.08 <= slow < 0.11
    assert 0.11 <= slower < 0.15
    assert max(quick, again) < 0.02


def transferred(source: Host, target: Host, count: int) -> int:
    """So many bytes over TCP, all of them right."""
    data = os.urandom(1 << 16) * (count >> 16)
    with target.open_socket(socket.SOCK_STREAM) as door, source.open_socket(socket.SOCK_STREAM) as sender:
        door.bind((target.address, 0))
        door.listen()
        sender.connect(door.getsockname())
        link, _ = door.accept()
        for sock in (sender, link):
            sock.setblocking(False)
        sent, got, deadline = 0, b"", time.monotonic() + 10
        while len(got) < count and time.monotonic() < deadline:
            with suppress(BlockingIOError):
                sent += sender.send(data[sent : sent + (1 << 16)])
            with suppress(BlockingIOError):
                got += link.recv(1 << 20)
        link.close()
    assert got == data
    return len(got)


def test_what_a_killed_run_left_is_removed(need: Callable[[str], str]) -> None:
    ip = need("ip")
    done = subprocess.Popen(["true"])
    done.wait()
    name = f"gslblab-{done.pid}-0-net"
    subprocess.run([ip, "netns", "add", name], check=True)
    sleeper = subprocess.Popen([ip, "netns", "exec", name, "sleep", "100"])
    eventually(lambda: pids(name) == [sleeper.pid], 5)
    network = Network(need)
    try:
        assert sleeper.wait(5) == -signal.SIGKILL
        assert not Path("/run/netns", name).exists()
        assert all(Path("/run/netns", own).exists() for own in network.namespaces)
    finally:
        network.close()
    assert not any(Path("/run/netns", own).exists() for own in network.namespaces)
