"""References: what answers as long as this prober's own network works (semantics section 2). They are probed as targets
are, and never served; without a port they are pinged, else a TCP connection must open.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from gslb.config.model import Config, Monitor
from gslb.health.states import TargetKey
from gslb.probe.icmp import IcmpMonitor
from gslb.probe.tcp import TcpMonitor

_QUICK: Final = Monitor("", interval=1.0, timeout=1.0, fall=2, rise=1)  # a blind prober must not vote for long


def references_of(config: Config) -> Mapping[TargetKey, Monitor]:
    """The references of this node: those of its node file, and the DNS addresses of the other probers."""
    others = [one.address for name, one in config.probers.items() if one.address and name != config.node.name]
    addresses = dict.fromkeys((*config.node.references, *others))
    return {TargetKey(f"reference:{port}", address): _monitor(port) for address, port in addresses}


def _monitor(port: int) -> Monitor:
    name = f"reference:{port}"  # no name that a config can give
    common = {**asdict(_QUICK), "name": name, "port": port}
    return TcpMonitor(**common) if port else IcmpMonitor(**common)
