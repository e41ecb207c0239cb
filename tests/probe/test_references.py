"""What a prober looks at to see whether it sees."""

from dataclasses import replace

from gslb.config.model import Prober
from gslb.health.states import TargetKey
from gslb.probe.icmp import IcmpMonitor
from gslb.probe.references import references_of
from gslb.probe.tcp import TcpMonitor
from tests.support import config

PROBERS = {
    "tokyo-1": Prober("tokyo-1", "tokyo", ("192.0.2.53", 53)),
    "osaka-1": Prober("osaka-1", "osaka", ("198.51.100.53", 53)),
    "witness-1": Prober("witness-1", "witness"),
}


def test_nobody_is_its_own_reference_and_who_has_no_address_is_none() -> None:
    found = references_of(replace(config(), probers=PROBERS))
    assert set(found) == {TargetKey("reference:53", "198.51.100.53")}


def test_a_port_is_connected_to_and_a_bare_address_is_pinged() -> None:
    found = references_of(config(references=(("192.0.2.1", 0), ("192.0.2.2", 443))))
    ping, connect = found[TargetKey("reference:0", "192.0.2.1")], found[TargetKey("reference:443", "192.0.2.2")]
    assert isinstance(ping, IcmpMonitor)
    assert isinstance(connect, TcpMonitor)
    assert (connect.port, connect.name, ping.name) == (443, "reference:443", "reference:0")


def test_one_good_round_is_enough_to_see_again_and_blindness_is_found_quickly() -> None:
    (monitor,) = references_of(config(references=(("192.0.2.2", 443),))).values()
    assert monitor.rise == 1
    assert monitor.detection < 5


def test_what_is_named_twice_is_probed_once() -> None:
    setting = replace(config(references=(("198.51.100.53", 53),)), probers=PROBERS)
    assert len(references_of(setting)) == 1
    assert references_of(config()) == {}
