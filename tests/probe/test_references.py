"""What a prober looks at to see whether it sees."""

from dataclasses import replace

import pytest

from gslb.config.model import Monitor, Prober
from gslb.health.states import TargetKey
from gslb.probe.icmp import IcmpMonitor
from gslb.probe.references import groups_of, references_of
from gslb.probe.tcp import TcpMonitor
from tests.support import config

PROBERS = {
    "tokyo-1": Prober("tokyo-1", "tokyo", ("192.0.2.53", 53)),
    "osaka-1": Prober("osaka-1", "osaka", ("198.51.100.53", 53)),
    "witness-1": Prober("witness-1", "witness"),
}
SLOW = Monitor("slow", interval=30.0, timeout=10.0)


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


QUICK = {
    "defaults": Monitor("check"),
    "fast": Monitor("check", interval=1.0, timeout=0.5, fall=2),
    "first failure": Monitor("check", interval=2.0, timeout=1.0, fall=1),
    "steady": Monitor("check", interval=1.0, timeout=0.5, fall=2, jitter=0.0),
}


@pytest.mark.parametrize("quickest", QUICK.values(), ids=QUICK.keys())
def test_a_cut_is_noticed_before_the_quickest_monitor_takes_it_for_a_death(quickest: Monitor) -> None:
    least = (quickest.fall - 1) * quickest.interval * (1 - quickest.jitter) + quickest.timeout
    setting = replace(config(references=(("192.0.2.2", 443),)), monitors={"slow": SLOW, "check": quickest})
    (monitor,) = references_of(setting).values()
    assert monitor.detection <= least + 1e-9
    assert monitor.timeout == monitor.interval


def test_references_are_not_probed_more_often_than_they_need_nor_than_five_times_a_second() -> None:
    for quickest, interval in ((SLOW, 1.0), (Monitor("check", interval=0.2, timeout=0.1, fall=1), 0.2)):
        setting = replace(config(references=(("192.0.2.2", 443),)), monitors={"check": quickest})
        (monitor,) = references_of(setting).values()
        assert monitor.interval == interval


def test_what_is_named_twice_is_probed_once() -> None:
    setting = replace(config(references=(("198.51.100.53", 53),)), probers=PROBERS)
    assert len(references_of(setting)) == 1
    assert references_of(config()) == {}


def test_probers_of_one_site_are_one_group_and_what_the_node_file_names_stands_alone() -> None:
    probers = {
        **PROBERS,
        "osaka-2": Prober("osaka-2", "osaka", ("198.51.100.54", 53)),
        "nagoya-1": Prober("nagoya-1", "nagoya", ("198.51.100.55", 53)),
    }
    setting = replace(config(references=(("192.0.2.1", 0), ("192.0.2.2", 443))), probers=probers)
    found = sorted(sorted(key.address for key in group) for group in groups_of(setting))
    assert found == [["192.0.2.1"], ["192.0.2.2"], ["198.51.100.53", "198.51.100.54"], ["198.51.100.55"]]
    assert {key for group in groups_of(setting) for key in group} == set(references_of(setting))


def test_a_neighbour_at_the_own_site_is_no_reference() -> None:
    probers = {**PROBERS, "tokyo-2": Prober("tokyo-2", "tokyo", ("192.0.2.54", 53))}
    assert {key.address for key in references_of(replace(config(), probers=probers))} == {"198.51.100.53"}
