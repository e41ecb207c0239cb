"""Latency at one absolute rate for all servers: half of what the slowest of them can answer.

The slowest is PowerDNS by far; a second row leaves it out, and asks at half of what the next one can answer.
"""

from collections.abc import Mapping

from bench import load, packets
from bench.figures import Row, measures
from bench.load import Burst
from bench.server import Server
from bench.workloads import Rig

_FAST = ("nsd", "knot", "gdnsd")
PEERS = {"latency": (*_FAST, "pdns"), "latency-fast": _FAST}
KEYS = tuple(PEERS)
_BURSTS = 5  # in a round, each of a second: the p99 of one long burst is what the host did in its worst moment


def measure(key: str, servers: Mapping[str, Server], rig: Rig, rounds: int) -> Row:
    """p50, p99 and p99.9 of each server, from the moment that a query was due."""
    path = rig.folder / "latency"
    packets.write(path, [packets.message("www." + rig.content.zone)])
    names = ("gslb", *PEERS[key])
    limits = [load.client(rig.client, servers[name], path, 1, window=400).rate for name in names]
    rate = int(min(limits) / 2)
    bursts: dict[str, list[Burst]] = {name: [] for name in names}
    for _ in range(rounds * _BURSTS):
        for name, taken in bursts.items():
            taken.append(load.client(rig.client, servers[name], path, 1, window=4000, rate=rate))
    title = f"latency at {rate} queries per second"
    return Row(key, title, {name: measures(taken) for name, taken in bursts.items()}, {})
