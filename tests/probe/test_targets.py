"""What there is to probe: each monitor and address once."""

from dataclasses import replace

from gslb.config.model import Config, Member, MonitorSet, Pool
from gslb.config.settings import NodeSettings
from gslb.probe.targets import sites_of, targets_of
from gslb.probe.tcp import TcpMonitor

NODE = NodeSettings("tokyo-1", "tokyo", ("probe",), (), None, 0, "/zones", "/state")


def test_each_monitor_and_address_once_however_many_pools_share_it() -> None:
    members = (Member("a", "tokyo", ("192.0.2.1", "2001:db8::1")), Member("b", "osaka", ("192.0.2.2",)))
    pools = {
        "one": Pool("one", members, MonitorSet(("web", "db"), 2)),
        "two": Pool("two", members[:1], MonitorSet(("web",), 1)),
        "bare": Pool("bare", (Member("c", "tokyo", ("192.0.2.3",)),)),
    }
    monitors = {name: TcpMonitor(name, 80) for name in ("web", "db", "unused")}
    setting = Config(NODE, {}, monitors, pools, {}, "")
    assert targets_of(setting) == {key: monitors[key.monitor] for key in sites_of(setting)}
    assert sites_of(setting).keys() == {
        ("web", "192.0.2.1"),
        ("web", "2001:db8::1"),
        ("web", "192.0.2.2"),
        ("db", "192.0.2.1"),
        ("db", "2001:db8::1"),
        ("db", "192.0.2.2"),
    }


def test_what_is_probed_for_an_address_is_the_target() -> None:
    behind = Member("a", "tokyo", ("192.0.2.1", "192.0.2.2"), checks=("10.0.0.1", "10.0.0.1"))
    pools = {
        "one": Pool("one", (behind,), MonitorSet(("web",), 1)),
        "two": Pool("two", (Member("b", "tokyo", ("10.0.0.1",)),), MonitorSet(("web",), 1)),
    }
    setting = Config(NODE, {}, {"web": TcpMonitor("web", 80)}, pools, {}, "")
    assert targets_of(setting).keys() == {("web", "10.0.0.1")}


def test_the_site_of_a_target_is_that_of_its_first_member() -> None:
    pools = {
        name: Pool(name, (Member("a", name, ("192.0.2.1",)),), MonitorSet(("web",), 1)) for name in ("osaka", "tokyo")
    }
    setting = Config(NODE, {}, {"web": TcpMonitor("web", 80)}, pools, {}, "")
    assert sites_of(setting) == {("web", "192.0.2.1"): "osaka"}


def test_references_are_targets_of_the_prober_alone() -> None:
    setting = Config(replace(NODE, references=(("192.0.2.53", 53),)), {}, {}, {}, {}, "")
    assert [key.address for key in targets_of(setting)] == ["192.0.2.53"]
    assert not sites_of(setting)
