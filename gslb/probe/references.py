"""References: what answers as long as this prober's own network works (semantics section 2). They are probed as targets
are, and never served; without a port they are pinged, else a TCP connection must open.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Final

from gslb.config.model import Config, Monitor
from gslb.health.states import TargetKey
from gslb.probe.icmp import IcmpMonitor
from gslb.probe.tcp import TcpMonitor

_QUICK: Final = Monitor("", interval=1.0, timeout=1.0, fall=2, rise=1)  # a blind prober must not vote for long
_SOONEST: Final = 0.2  # seconds between probes of one reference, at least


def references_of(config: Config) -> Mapping[TargetKey, Monitor]:
    """The references of this node: those of its node file, and the addresses of the probers at other sites."""
    pace = _pace(config)
    return {key: _monitor(port, pace) for key, port in _addressed(config)}


def groups_of(config: Config) -> list[frozenset[TargetKey]]:
    """The references that may die together: probers of one site; those of the node file stand for themselves."""
    own = {address for address, _ in config.node.references}
    groups: dict[str, set[TargetKey]] = {}
    sites = {one.address: one.site for one in config.probers.values() if one.address}
    for key, port in _addressed(config):
        alone = key.address in own
        groups.setdefault(key.address if alone else f"site {sites[key.address, port]}", set()).add(key)
    return [frozenset(keys) for keys in groups.values()]


def _addressed(config: Config) -> Iterator[tuple[TargetKey, int]]:
    # A neighbour at this node's own site answers when the way out is cut, too.
    others = [one.address for one in config.probers.values() if one.address and one.site != config.node.site]
    for address, port in dict.fromkeys((*config.node.references, *others)):
        yield TargetKey(f"reference:{port}", address), port


def _pace(config: Config) -> float:
    """Interval and timeout of references: a cut is noticed before the quickest monitor can take it for a death."""
    least = min(
        ((one.fall - 1) * one.interval * (1 - one.jitter) + one.timeout for one in config.monitors.values()),
        default=_QUICK.detection,
    )
    return max(min(_QUICK.interval, least * _QUICK.interval / _QUICK.detection), _SOONEST)


def _monitor(port: int, pace: float) -> Monitor:
    name = f"reference:{port}"  # no name that a config can give
    common = {**asdict(_QUICK), "name": name, "port": port, "interval": pace, "timeout": pace}
    return TcpMonitor(**common) if port else IcmpMonitor(**common)
