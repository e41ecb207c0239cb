"""Echo requests to real addresses: those of loopback, and those of network namespaces that lose or refuse them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gslb.probe.icmp import IcmpMonitor, checksum
from tests.config.conftest import Folder
from tests.conftest import ENVIRONMENT, ROOT

POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"
NOBODY = 65534
ANYBODY, NO_ONE = "0 2147483647", "1 0"  # of net.ipv4.ping_group_range
# Runs inside a namespace: makes one check and prints what came of it, with the kinds of socket that were made for it.
_CHECK = """
import asyncio, json, os, socket, sys

from gslb.probe.icmp import IcmpMonitor, check
from gslb.probe.trace import traced

asked = json.loads(sys.argv[1])
kinds = []
sys.addaudithook(lambda event, args: kinds.append(int(args[2])) if event == "socket.__new__" else None)


async def later(seconds, path, text):
    await asyncio.sleep(seconds)
    with open(path, "w") as file:
        file.write(text)


async def main():
    descriptors = len(os.listdir("/proc/self/fd"))
    task = asyncio.create_task(later(*asked["later"])) if asked["later"] else None
    kinds.clear()
    monitor = IcmpMonitor("ping", timeout=asked["seconds"], count=asked["count"], size=asked["size"])
    try:
        result, stages = await traced(check, monitor, asked["address"])
        told = {"ok": result.ok, "told": str(result), "latency": result.latency}
        told["answer"] = {stage.name: stage.text for stage in stages}.get("answer")
    except OSError as error:
        told = {"error": str(error)}
    if task:
        await task
    print(json.dumps(told | {"kinds": kinds, "left": len(os.listdir("/proc/self/fd")) - descriptors}))


if asked["user"]:
    os.setgroups([])
    os.setresgid(*[asked["user"]] * 3)
    os.setresuid(*[asked["user"]] * 3)
asyncio.run(main())
"""
# Runs in `far`, whose kernel answers no echo request: answers each by a habit of its own.
_ANSWER = """
import socket, sys, time

from gslb.probe.icmp import checksum

habit = sys.argv[1]
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
if habit == "another source":
    sock.bind(("192.0.2.3", 0))
print("ready", flush=True)
while True:
    packet, source = sock.recvfrom(4096)
    request = packet[(packet[0] & 15) * 4 :]
    if request[0] != 8 or source[0] != "192.0.2.1":
        continue
    if habit == "late":
        time.sleep(0.25)
    kind = 8 if habit == "a request" else 0
    payload = request[8:]
    if habit == "another token":
        payload = bytes(octet ^ 1 for octet in payload)
    if habit == "short":
        payload = payload[:15]
    reply = bytes((kind, 0, 0, 0)) + request[4:8] + payload
    if habit == "unreachable":  # says so of the first request, and nothing of those that follow
        reply = bytes((3, 1)) + bytes(6) + packet[:28]
    sock.sendto(reply[:2] + checksum(reply).to_bytes(2, "big") + reply[4:], source)
    if habit == "unreachable":
        break
"""
DATAGRAM, RAW = 2, 3  # socket.SOCK_DGRAM, socket.SOCK_RAW


class Lab:
    """Two namespaces: `near`, where checks run, and `far`, its only neighbour and router."""

    def __init__(self, ip: str) -> None:
        self._ip = ip
        self.near, self.far = f"near-{os.getpid()}", f"far-{os.getpid()}"

    def make(self) -> None:
        for name in (self.near, self.far):
            self._run("netns", "add", name)
            self._run("-n", name, "link", "set", "lo", "up")
        self._run("-n", self.near, "link", "add", "v1", "type", "veth", "peer", "name", "v2", "netns", self.far)
        for name, device, host in ((self.near, "v1", 1), (self.far, "v2", 2)):
            self._run("-n", name, "address", "add", f"192.0.2.{host}/24", "dev", device)
            self._run("-n", name, "address", "add", f"2001:db8::{host}/64", "dev", device, "nodad")
            self._run("-n", name, "link", "set", device, "up")
        self._run("-n", self.far, "address", "add", "192.0.2.3/24", "dev", "v2")
        self._run("-n", self.near, "route", "add", "default", "via", "192.0.2.2")
        self._run("-n", self.near, "-6", "route", "add", "default", "via", "2001:db8::2")
        self._run("-n", self.near, "route", "add", "unreachable", "203.0.113.0/24")
        self._run("-n", self.far, "route", "add", "unreachable", "198.51.100.0/24")
        self._run("-n", self.far, "-6", "route", "add", "unreachable", "2001:db8:1::/48")
        self.set(self.far, "net.ipv4.ip_forward", "1")
        self.set(self.far, "net.ipv6.conf.all.forwarding", "1")
        self.set(self.far, "net.ipv6.icmp.ratelimit", "0")

    def remove(self) -> None:
        for name in (self.near, self.far):
            subprocess.run([self._ip, "netns", "delete", name], capture_output=True, timeout=10)

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._ip, *arguments], check=True, capture_output=True, timeout=10)

    def set(self, name: str, key: str, value: str) -> None:
        """Set a variable of the kernel that each namespace has its own of."""
        path = f"/proc/sys/{key.replace('.', '/')}"
        self._run("netns", "exec", name, "sh", "-c", f"echo '{value}' > {path}")

    def check(self, address: str, **options: object) -> dict[str, object]:
        """Make one check in `near`: with `user`, as that user; with `later`, (seconds, file, text) is written then."""
        asked = {"address": address, "seconds": 1.0, "count": 1, "size": 32, "user": 0, "later": None, **options}
        command = self._inside(self.near, _CHECK, json.dumps(asked))
        done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told.pop("left") == 0
        return dict(told)

    @contextmanager
    def answering(self, habit: str) -> Iterator[None]:
        """Until the block ends, requests to `far` are answered by a program instead of the kernel."""
        self.set(self.far, "net.ipv4.icmp_echo_ignore_all", "1")
        command = self._inside(self.far, _ANSWER, habit)
        with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as program:
            try:
                assert program.stdout
                assert program.stdout.readline() == "ready\n"
                yield
            finally:
                program.kill()

    def _inside(self, name: str, program: str, *arguments: str) -> list[str]:
        return [self._ip, "netns", "exec", name, sys.executable, "-c", program, *arguments]


@pytest.fixture(scope="module")
def namespaces(need: Callable[[str], str]) -> Iterator[Lab]:
    if os.geteuid():
        pytest.skip("network namespaces need root")
    lab = Lab(need("ip"))
    try:
        lab.make()
        yield lab
    finally:
        lab.remove()


@pytest.fixture
def lab(namespaces: Lab) -> Lab:
    """Both namespaces, in which anybody may ping and echoes are answered."""
    namespaces.set(namespaces.near, "net.ipv4.ping_group_range", ANYBODY)
    for name in (namespaces.near, namespaces.far):
        namespaces.set(name, "net.ipv4.icmp_echo_ignore_all", "0")
        namespaces.set(name, "net.ipv6.icmp.echo_ignore_all", "0")
    namespaces.set(namespaces.far, "net.ipv4.icmp_ratelimit", "0")
    return namespaces


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.2", "2001:db8::2"])
@pytest.mark.parametrize("size", [16, 32, 1452])
def test_a_ping_socket_needs_no_privilege(lab: Lab, address: str, size: int) -> None:
    told = lab.check(address, size=size, user=NOBODY)
    assert (told["ok"], told["told"], told["kinds"]) == (True, "", [DATAGRAM])
    assert told["answer"] == f"echo from {address}, 1 sent, by ping socket"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.2", "2001:db8::2"])
@pytest.mark.parametrize("size", [17, 32, 1452])
def test_a_raw_socket_where_ping_sockets_are_forbidden(lab: Lab, address: str, size: int) -> None:
    lab.set(lab.near, "net.ipv4.ping_group_range", NO_ONE)
    told = lab.check(address, size=size)
    assert (told["ok"], told["told"], told["kinds"]) == (True, "", [DATAGRAM, RAW])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_where_both_are_forbidden_nothing_is_said_of_the_target(lab: Lab, address: str) -> None:
    lab.set(lab.near, "net.ipv4.ping_group_range", NO_ONE)
    told = lab.check(address, user=NOBODY)
    assert told["kinds"] == [DATAGRAM, RAW]
    assert "this process may not send echo requests: have net.ipv4.ping_group_range include" in str(told["error"])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.2", "2001:db8::2"])
@pytest.mark.parametrize("group", [ANYBODY, NO_ONE])
def test_a_lost_echo_costs_the_timeout_and_no_more(lab: Lab, address: str, group: str) -> None:
    lab.set(lab.near, "net.ipv4.ping_group_range", group)
    for name in (lab.near, lab.far):
        lab.set(name, f"net.{'ipv6.icmp.' if ':' in address else 'ipv4.icmp_'}echo_ignore_all", "1")
    told = lab.check(address, seconds=0.3)
    assert (told["ok"], told["told"]) == (False, "timeout: waiting for an echo, within 0.3 s")
    assert 0.29 < float(str(told["latency"])) < 0.6


@pytest.mark.parametrize("group", [ANYBODY, NO_ONE])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("address", "detail"), [("198.51.100.1", "no route to host"), ("2001:db8:1::1", "network is unreachable")]
)
def test_a_router_that_says_no(lab: Lab, address: str, detail: str, count: int, group: str) -> None:
    lab.set(lab.near, "net.ipv4.ping_group_range", group)
    told = lab.check(address, count=count, seconds=0.6)
    assert (told["ok"], told["told"]) == (False, f"refused: {detail}")
    earliest = 0.6 * (count - 1) / count
    assert earliest <= float(str(told["latency"])) < earliest + 0.3


@pytest.mark.parametrize("group", [ANYBODY, NO_ONE])
@pytest.mark.parametrize(("count", "told"), [(1, "refused: no route to host"), (2, "timeout: no route to host, then ")])
def test_a_router_that_says_no_once(lab: Lab, count: int, told: str, group: str) -> None:
    lab.set(lab.near, "net.ipv4.ping_group_range", group)
    with lab.answering("unreachable"):
        assert str(lab.check("192.0.2.2", count=count, seconds=0.4)["told"]).startswith(told)


def test_an_address_without_a_route(lab: Lab) -> None:
    told = lab.check("203.0.113.1")
    assert (told["ok"], told["told"]) == (False, "refused: no route to host")


@pytest.mark.parametrize("group", [ANYBODY, NO_ONE])
def test_one_echo_of_many_is_enough(lab: Lab, group: str) -> None:
    """The target ignores requests for the first 0.35 s: the third of four, sent after 0.4 s, is answered."""
    lab.set(lab.near, "net.ipv4.ping_group_range", group)
    lab.set(lab.near, "net.ipv4.icmp_echo_ignore_all", "1")
    later = (0.3, "/proc/sys/net/ipv4/icmp_echo_ignore_all", "0")
    told = lab.check("127.0.0.1", count=4, seconds=0.8, later=later)
    assert (told["ok"], told["told"]) == (True, "")
    assert 0.4 <= float(str(told["latency"])) < 0.58


@pytest.mark.parametrize("group", [ANYBODY, NO_ONE])
@pytest.mark.parametrize(
    ("habit", "ok"),
    [("honest", True), ("another token", False), ("another source", False), ("a request", False), ("short", False)],
)
def test_only_the_own_echo_counts(lab: Lab, habit: str, ok: bool, group: str) -> None:
    lab.set(lab.near, "net.ipv4.ping_group_range", group)
    with lab.answering(habit):
        told = lab.check("192.0.2.2", seconds=0.5)
    assert (told["ok"], str(told["told"]).partition(",")[0]) == (ok, "" if ok else "timeout: waiting for an echo")


def test_a_late_echo_of_an_earlier_request_counts(lab: Lab) -> None:
    """Requests go out 0.2 s apart, each is answered after 0.25 s: the first answer comes when two are on their way."""
    with lab.answering("late"):
        told = lab.check("192.0.2.2", seconds=0.6, count=3)
    assert told["ok"]
    assert 0.25 <= float(str(told["latency"])) < 0.4


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", 0xFFFF),
        (bytes.fromhex("0001f203f4f5f6f7"), 0x220D),  # the example of RFC 1071 section 3
        (b"\xff\xff\xff\xff", 0),
        (b"\x01", 0xFEFF),
    ],
)
def test_the_internet_checksum(octets: bytes, expected: int) -> None:
    assert checksum(octets) == expected


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_every_key(folder: Folder) -> None:
    monitors = "{web: {type: icmp, count: 3, size: 64, timeout: 1s}, bare: {type: icmp}}"
    built = folder.load(monitors=monitors, pools=POOL).monitors
    assert built["web"] == IcmpMonitor(name="web", timeout=1.0, count=3, size=64)
    assert built["bare"] == IcmpMonitor(name="bare", count=1, size=32)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{type: icmp, count: 0}", "monitors.web.count: "),
        ("{type: icmp, count: 21}", "monitors.web.count: "),
        ("{type: icmp, size: 15}", "monitors.web.size: "),
        ("{type: icmp, size: 1453}", "monitors.web.size: "),
        ("{type: icmp, port: 7}", "monitors.web.port: "),
    ],
)
def test_faults(folder: Folder, text: str, fault: str) -> None:
    messages = folder.messages(monitors=f"web: {text}", pools=POOL)
    assert len(messages) == 1
    assert messages[0].startswith(fault)
