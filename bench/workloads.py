"""The workloads: which queries, by which tool, against which servers. None is known to any server."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import load, packets
from bench.content import Content
from bench.load import Burst
from bench.server import Server

_COOKIE = "10:67736c622d626368"  # a client cookie, as dnsperf is told
RATE = 50_000  # queries per second of (b): about half of what the slowest but PowerDNS can answer
_QUERIES = 50_000  # prepared messages of a workload, sent round and round
_WINDOW = 200  # queries on their way: more than a batch, fewer than fill the receive buffer of any server


class Rig(NamedTuple):
    """Where a burst is made: folder for files, compiled client, what is served, length of a burst in seconds."""

    folder: Path
    client: Path
    content: Content
    seconds: int


class Workload(NamedTuple):
    """`run` makes one burst. `peers` are measured beside gslb; `expected` RCODEs only, or the burst is worthless."""

    key: str
    title: str
    peers: tuple[str, ...]
    expected: tuple[str, ...]
    run: Callable[[Rig, Server], Burst]
    many: bool = False  # over 10,000 dynamic and 10,000 static names instead of one


ONE = Content(dynamic=1, static=1)
MANY = Content(dynamic=10_000, static=10_000)
_ALL = ("nsd", "knot", "gdnsd", "pdns")
_C_SERVERS = ("nsd", "knot", "gdnsd")
_MEMORY = (*_C_SERVERS, "gslb-no-memory")  # without its memory of cookies: what that saves, and what a miss costs


def _file(rig: Rig, name: str, make: Callable[[Path], object]) -> Path:
    path = rig.folder / name
    if not path.exists():
        make(path)
    return path


def _names(rig: Rig, *, mixed_case: bool = False) -> Path:
    owner = "www." + rig.content.zone

    def make(path: Path) -> None:
        spellings = packets.spellings(owner, 1000) if mixed_case else [owner]
        path.write_text("".join(f"{spelling} A\n" for spelling in spellings))

    return _file(rig, f"names-{mixed_case}", make)


def one_name(rig: Rig, server: Server) -> Burst:
    """One weighted name with EDNS, by dnsperf."""
    return load.dnsperf(server, _names(rig), rig.seconds, "-e")


def one_name_proving(rig: Rig, server: Server) -> Burst:
    """The same with random case and client cookies."""
    return load.dnsperf(server, _names(rig, mixed_case=True), rig.seconds, "-e", "-E", _COOKIE)


def _one(rig: Rig) -> Path:
    return _file(rig, "one", lambda path: packets.write(path, [packets.message("www." + rig.content.zone)]))


def one_name_full(rig: Rig, server: Server) -> Burst:
    """One weighted name, sent so densely that every batch of the server is full."""
    return load.client(rig.client, server, _one(rig), rig.seconds, window=_WINDOW)


def one_name_full_proving(rig: Rig, server: Server) -> Burst:
    """The same with random case and with the cookies that the server gave."""
    return load.client(rig.client, server, _one(rig), rig.seconds, window=_WINDOW, cookies=1, case=1)


def _mixed(rig: Rig) -> Path:
    content = rig.content
    dynamic = [content.dynamic_name(i) + "." + content.zone for i in range(content.dynamic)]
    static = [content.static_name(i) + "." + content.zone for i in range(content.static)]
    return _file(rig, "mixed", lambda path: packets.write(path, packets.realistic(dynamic, static, _QUERIES)))


def realistic(rig: Rig, server: Server) -> Burst:
    """Many names by Zipf's law, ECS, cookies, DO, AAAA, random case; as many a second for every server."""
    return load.client(rig.client, server, _mixed(rig), rig.seconds, window=4000, rate=RATE, cookies=1, case=1)


def realistic_full(rig: Rig, server: Server) -> Burst:
    """The same, as fast as it is answered, so that every batch of the server is full."""
    return load.client(rig.client, server, _mixed(rig), rig.seconds, window=_WINDOW, cookies=1, case=1)


def dynamic_only(rig: Rig, server: Server) -> Burst:
    """The dynamic names of that workload alone."""
    content = rig.content
    names = [content.dynamic_name(i) + "." + content.zone for i in range(content.dynamic)]
    queries = _file(rig, "dynamic", lambda path: packets.write(path, packets.realistic(names, names, _QUERIES)))
    return load.client(rig.client, server, queries, rig.seconds, window=_WINDOW, cookies=1, case=1)


def _flood(rig: Rig, server: Server, *, dnssec: bool) -> Burst:
    owner = "a" * 12 + "." + rig.content.zone
    wire = packets.message(owner, dnssec=dnssec)
    queries = _file(rig, f"flood-{dnssec}", lambda path: packets.write(path, [wire]))
    return load.client(rig.client, server, queries, rig.seconds, window=_WINDOW, label=12)


def flood(rig: Rig, server: Server) -> Burst:
    """Names that do not exist, each asked once."""
    return _flood(rig, server, dnssec=False)


def flood_dnssec(rig: Rig, server: Server) -> Burst:
    """The same with DO."""
    return _flood(rig, server, dnssec=True)


def tcp_single(rig: Rig, server: Server) -> Burst:
    """TCP, one query for each connection."""
    options = ("-e", "-m", "tcp", "-O", "num-queries-per-conn=1", "-O", "suppress=timeouts")
    return load.dnsperf(server, _names(rig), rig.seconds, *options)


def tcp_pipelined(rig: Rig, server: Server) -> Burst:
    """TCP, eight connections with queries behind one another."""
    return load.dnsperf(server, _names(rig), rig.seconds, "-e", "-m", "tcp")


def malformed(rig: Rig, server: Server) -> Burst:
    """Messages that deserve FORMERR."""
    owner = "www." + rig.content.zone
    queries = _file(rig, "malformed", lambda path: packets.write(path, packets.malformed(owner, _QUERIES), edns=False))
    return load.client(rig.client, server, queries, rig.seconds, window=_WINDOW)


WORKLOADS: Sequence[Workload] = (
    Workload("a", "(a) one weighted name, EDNS", _ALL, ("NOERROR",), one_name),
    Workload("a+", "(a) with random case and cookies", (*_ALL, "gslb-no-memory"), ("NOERROR",), one_name_proving),
    Workload("full", "(a) in full batches", _C_SERVERS, ("NOERROR",), one_name_full),
    Workload("full+", "(a) in full batches, random case and cookies", _MEMORY, ("NOERROR",), one_name_full_proving),
    Workload("b", f"(b) realistic, {RATE:,} a second", _MEMORY, ("NOERROR",), realistic, many=True),
    Workload("b-full", "(b) in full batches", _MEMORY, ("NOERROR",), realistic_full, many=True),
    Workload("b-dynamic", "(b) its dynamic names alone", ("pdns",), ("NOERROR",), dynamic_only, many=True),
    Workload("c", "(c) flood of unknown names", _C_SERVERS, ("NXDOMAIN",), flood),
    Workload("c-do", "(c) the same with DO", _C_SERVERS, ("NXDOMAIN",), flood_dnssec),
    Workload("d", "(d) TCP, one query a connection", _C_SERVERS, ("NOERROR",), tcp_single),
    Workload("d-pipe", "(d) TCP, pipelined", _C_SERVERS, ("NOERROR",), tcp_pipelined),
    Workload("e", "(e) malformed flood", (), ("FORMERR",), malformed),
)
