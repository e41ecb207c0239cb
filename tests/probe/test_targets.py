"""What there is to probe: each monitor and address once."""

from gslb.config.model import Config, Member, MonitorSet, NodeSettings, Pool
from gslb.probe.targets import targets_of
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
    assert targets_of(Config(NODE, {}, monitors, pools, {}, "")) == {
        ("web", "192.0.2.1"),
        ("web", "2001:db8::1"),
        ("web", "192.0.2.2"),
        ("db", "192.0.2.1"),
        ("db", "2001:db8::1"),
        ("db", "192.0.2.2"),
    }
