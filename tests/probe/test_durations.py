"""Durations and reasons by monitor."""

from gslb.probe.durations import BOUNDS, Durations
from gslb.probe.result import Result


def test_probes_are_counted_by_monitor() -> None:
    seen = Durations()
    seen.keep({"web": None, "db": None})
    seen.note("web", Result(True, 0.003))
    seen.note("web", Result(False, 2.0, "timeout", "after 2 s"))
    seen.note("web", Result(False, 0.1, "refused"))
    assert seen.took["web"].cumulative() == [sum(t <= bound for t in (0.003, 2.0, 0.1)) for bound in BOUNDS] + [3]
    assert seen.took["db"].cumulative()[-1] == 0
    assert seen.failures == {("web", "timeout"): 1, ("web", "refused"): 1}


def test_what_leaves_the_configuration_is_forgotten() -> None:
    seen = Durations()
    seen.keep({"web": None, "db": None})
    for monitor in ("web", "db"):
        seen.note(monitor, Result(False, 0.003, "tls"))
    seen.keep({"db": None})
    seen.note("web", Result(True, 0.003))
    assert list(seen.took) == ["db"]
    assert seen.failures == {("db", "tls"): 1}
    assert seen.took["db"].cumulative()[-1] == 1
