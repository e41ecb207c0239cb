"""Networks of namespaces: a bridge for each site, a core bridge between them, and links that can be cut or worsened.

All bridges are in a namespace of their own, so nothing of the machine's network is touched. Each host is a namespace
with one interface. Addresses: 10.77.SITE.HOST and fd77::SITE:HOST; site 0 is the core itself.
"""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_NAMES = Path("/run/netns")
_PREFIX = "gslblab"
_RELAY = Path(__file__).with_name("relay.py")
_numbers = itertools.count()


class Place(NamedTuple):
    """A site (`host` 0), or one host of it."""

    site: int
    host: int = 0

    @property
    def port(self) -> str:
        """The interface through which its frames come in to a bridge, exactly once."""
        return f"h{self.site}-{self.host}" if self.host else f"up{self.site}"

    @property
    def mac(self) -> str:
        return f"02:77:00:00:{self.site:02x}:{self.host:02x}"

    @property
    def address(self) -> str:
        return f"10.77.{self.site}.{self.host}"

    @property
    def towards(self) -> str:
        """What nft matches in frames to this place."""
        return f"ether daddr {self.mac}" if self.host else f"ether daddr & ff:ff:ff:ff:ff:00 == {self.mac}"


class Network:
    """The bridges. Raises OSError where the kernel refuses."""

    def __init__(self, need: Callable[[str], str]) -> None:
        self._ip, self._nft = need("ip"), need("nft")
        remove_leftovers(self._ip)
        self.prefix = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.lab = f"{self.prefix}-net"
        self.namespaces: list[str] = []
        self._rules: dict[tuple[Place | None, Place | None], float] = {}
        self._relays: dict[Place, subprocess.Popen[bytes]] = {}
        self._namespace(self.lab)
        self._batch(self.lab, ["link add core type bridge mcast_snooping 0", "link set core up"])

    def _namespace(self, name: str) -> None:
        _checked(self._ip, "netns", "add", name)
        self.namespaces.append(name)
        # Bridges and their ports want no addresses of their own; hosts use theirs at once.
        setting = "all/disable_ipv6" if name == self.lab else "default/accept_dad"
        value = "1" if name == self.lab else "0"
        script = f"echo {value} > /proc/sys/net/ipv6/conf/{setting}"
        _checked(*self.inside(name, "sh", "-c", script))

    def _batch(self, name: str, lines: Iterable[str]) -> None:
        _checked(self._ip, "-n", name, "-batch", "-", text="\n".join(lines))

    def inside(self, name: str, *argv: str) -> list[str]:
        """The command line that runs another in a namespace; the process keeps its pid."""
        return [self._ip, "netns", "exec", name, *argv]

    def add_site(self, site: int) -> None:
        """A bridge that hangs on the core."""
        self._batch(
            self.lab,
            [
                f"link add site{site} type bridge mcast_snooping 0",
                f"link add up{site} type veth peer name dn{site}",
                f"link set up{site} master core up",
                f"link set dn{site} master site{site} up",
                f"link set site{site} up",
            ],
        )

    def add_host(self, place: Place, more: Iterable[str] = ()) -> str:
        """A namespace on the bridge of its site, with `more` addresses beside its own. Returns its name."""
        name = f"{self.prefix}-{place.port}"
        self._namespace(name)
        bridge = f"site{place.site}" if place.site else "core"
        peer = f"peer name eth0 address {place.mac} netns {name}"
        self._batch(self.lab, [f"link add {place.port} type veth {peer}", f"link set {place.port} master {bridge} up"])
        addresses = [f"{address}/16" for address in (place.address, *more)]
        addresses.append(f"fd77::{place.site}:{place.host}/64")
        lines = [f"address add {address} dev eth0" for address in addresses]
        self._batch(name, ["link set lo up", *lines, "link set eth0 up"])
        return name

    @property
    def disturbed(self) -> bool:
        """Whether frames are lost or delayed; links of sites aside."""
        return bool(self._rules or self._relays)

    def cut(self, place: Place) -> float:
        """Let nothing pass to or from a place; inside of a site they still reach each other. Returns the moment."""
        if place.host:
            self.lose(place, None, 1)
            return self.lose(None, place, 1)
        self._batch(self.lab, [f"link set {place.port} down"])
        return time.monotonic()

    def heal(self, place: Place) -> float:
        """Undo cut(). Returns the moment."""
        if place.host:
            self.lose(place, None, 0)
            return self.lose(None, place, 0)
        self._batch(self.lab, [f"link set {place.port} up"])
        return time.monotonic()

    def lose(self, source: Place | None, target: Place | None, share: float) -> float:
        """Drop this share of the frames, 0 to 1, that go from one place to another; None is everywhere.

        One way only; a second call for the same two replaces the first. Returns the moment.
        """
        if share:
            self._rules[source, target] = share
        else:
            self._rules.pop((source, target), None)
        rules = "\n".join(_rule(*ends, share) for ends, share in self._rules.items())
        chain = f"chain forward {{ type filter hook forward priority 0;\n{rules}\n}}"
        text = f"table bridge lab\ndelete table bridge lab\ntable bridge lab {{\n{chain}\n}}\n"
        _checked(*self.inside(self.lab, self._nft, "-f", "-"), text=text)
        return time.monotonic()

    def delay(self, place: Place, out: float, back: float) -> None:
        """Everything that leaves a place takes so many seconds more, and everything that comes in; 0, 0 undoes it.

        The kernel has no such queue everywhere, so a process passes the frames on.
        """
        port = f"dn{place.site}" if not place.host else place.port
        bridge = f"site{place.site}" if place.site else "core"
        relay = self._relays.pop(place, None)
        if relay:
            relay.kill()
            relay.wait()
            self._batch(self.lab, [f"link del r{port}", f"link set {port} master {bridge}"])
        if out or back:
            far, near = f"r{port}", f"b{port}"
            lines = [f"link add {far} type veth peer name {near}", f"link set {near} master {bridge} up"]
            self._batch(self.lab, [*lines, f"link set {far} up", f"link set {port} nomaster"])
            # A site's own port looks outward, a host's looks at the host: the first is where `out` comes from.
            outer = (port, far) if place.host else (far, port)
            argv = self.inside(self.lab, sys.executable, "-I", str(_RELAY), *outer, str(out), str(back))
            relay = subprocess.Popen(argv, stdout=subprocess.PIPE)
            self._relays[place] = relay
            assert relay.stdout
            with relay.stdout:
                assert relay.stdout.readline(), "the relay ended"

    def close(self) -> None:
        """End every process in these namespaces, and remove them with all that is in them."""
        for name in reversed(self.namespaces):
            remove(self._ip, name)
        for relay in self._relays.values():
            relay.wait()


def _checked(*argv: str, text: str = "") -> None:
    done = subprocess.run(argv, input=text, text=True, capture_output=True, timeout=10)
    if done.returncode:
        raise OSError(f"{' '.join(argv)}: {done.stderr}\n{text}")


def _rule(source: Place | None, target: Place | None, share: float) -> str:
    """Each frame passes several bridges: the rule names an interface that it passes once."""
    ends = [f"iifname {source.port}"] if source else []
    if target:
        ends.append(target.towards if source else f"oifname {target.port}")
    chance = f"numgen random mod 10000 < {round(share * 10000)} " if share < 1 else ""
    return f"{' '.join(ends)} {chance}counter drop"


def pids(name: str) -> list[int]:
    """The processes in a namespace, in the order in which they were started."""
    try:
        wanted = (_NAMES / name).stat().st_ino
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and (entry / "ns" / "net").stat().st_ino == wanted:
                found.append(int(entry.name))
    return sorted(found)


def signal_all(name: str, number: int) -> None:
    """Send a signal to all processes in a namespace, also to those that appear meanwhile; what is killed has ended."""
    told: set[int] = set()
    while new := [pid for pid in pids(name) if pid not in told]:
        for pid in new:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        told.update(new)
    if number == signal.SIGKILL:
        _see_end(name)
        sweep(told)


def _see_end(name: str) -> None:
    """A killed process is there until the kernel has given it a turn, which takes its time on a busy machine."""
    deadline = time.monotonic() + 10
    while left := pids(name):
        if time.monotonic() > deadline:
            raise TimeoutError(f"killed 10 s ago and still in {name}: {left}")
        time.sleep(0.002)


def sweep(ended: Iterable[int]) -> None:
    """Remove the shared memory that libfaketime leaves where a process was killed."""
    for pid in ended:
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            Path("/dev/shm", name).unlink(missing_ok=True)


def remove(ip: str, name: str) -> None:
    """End the processes in a namespace, and delete it."""
    signal_all(name, signal.SIGKILL)
    subprocess.run([ip, "netns", "delete", name], capture_output=True, timeout=10)


def remove_leftovers(ip: str) -> None:
    """Remove what killed runs have left: namespaces whose names carry the pid of no living process."""
    names = [path.name for path in _NAMES.glob(f"{_PREFIX}-*")] if _NAMES.exists() else []
    for name in names:
        owner = re.match(rf"{_PREFIX}-(\d+)-", name)
        if owner and not Path("/proc", owner[1]).exists():
            remove(ip, name)
