"""The judge of answers in the midst of outages, by hand-made ones: what it excuses, and what it does not."""

import pytest

from tests.e2e.lab.net import Place
from tests.e2e.lab.oracle import Answer
from tests.e2e.lab.outages import ETCD, NODE, Layout, Outage, Weather
from tests.e2e.lab.owed import Owed
from tests.e2e.lab.truth import Limits, Truth

A, B, C, D = "10.77.1.11", "10.77.1.12", "10.77.2.11", "10.77.2.12"
LAYOUT = Layout(
    sites={"tokyo": 1, "osaka": 2, "witness": 3, "edge": 4},
    roles={"tokyo": "dns, probe, api", "osaka": "dns, probe, api", "witness": "probe, api", "edge": "dns, api"},
    members=["tokyo", "osaka", "witness"],
    addresses={A: "tokyo", B: "tokyo", C: "osaka", D: "osaka"},
)
LIMITS = Limits(bound=3.0, drain=2.0, back=3.0)


def dead(address: str = A, since: float = 100.0) -> Truth:
    truth = Truth(LAYOUT.addresses)
    truth.die([address], "mode", since)
    return truth


def stale(truth: Truth, node: str, *outages: Outage) -> float:
    """The moment from which a node that goes on answering with everything is wrong; inf if it never is."""
    return first(truth, node, "stale", (A, B, C, D), *outages)


def first(truth: Truth, node: str, kind: str, given: tuple[str, ...], *outages: Outage) -> float:
    owed = Owed(LAYOUT, outages, truth, LIMITS)
    asked = (n / 10 for n in range(900, 2000))
    faults = owed.faults(Answer(0, 0, node, at, at + 0.001, 0, given) for at in asked)
    return min((one.answer.sent for one in faults if one.kind == kind), default=float("inf"))


def site_cut(number: int, begin: float, end: float) -> list[Outage]:
    return [
        Outage("path", begin, end, place=Place(number), slow=3.0),
        Outage("path", begin, end, to=Place(number), slow=3.0),
    ]


def test_the_bound_holds_where_nothing_is_broken() -> None:
    assert stale(dead(), "tokyo") == pytest.approx(103.0)
    assert stale(dead(), "edge") == pytest.approx(103.0)


def test_one_prober_or_one_member_less_changes_nothing() -> None:
    assert stale(dead(), "tokyo", Outage("control", 99, 120, "osaka")) == pytest.approx(103.0)
    assert stale(dead(), "tokyo", Outage("member", 95, 120, "osaka", slow=3.0)) == pytest.approx(103.0)


def test_a_leader_that_falls_costs_three_seconds_while_it_is_missed() -> None:
    for moment, late in ((96.0, 103.0), (98.0, 106.0), (102.0, 106.0), (103.5, 103.0)):
        assert stale(dead(), "tokyo", Outage("member", moment, 120, "osaka", slow=3.0)) == pytest.approx(late), moment


def test_a_link_of_one_node_is_slow_for_that_one_and_for_those_who_need_its_vote() -> None:
    link = Outage("path", 101, 104, place=Place(1, NODE), to=Place(3), slow=3.0)
    assert stale(dead(), "tokyo", link) == pytest.approx(106.0)
    assert stale(dead(), "osaka", link) == pytest.approx(103.0)
    assert stale(dead(), "osaka", link, Outage("control", 99, 120, "witness")) == pytest.approx(106.0)


def test_a_node_that_stands_still_is_free_until_it_had_time() -> None:
    assert stale(dead(), "osaka", Outage("control", 101, 110, "osaka")) == pytest.approx(115.0)
    assert stale(dead(), "osaka", Outage("control", 90, 96, "osaka")) == pytest.approx(103.0)
    assert stale(dead(), "osaka", Outage("control", 90, 99, "osaka")) == pytest.approx(104.0)


def test_what_was_due_stays_due_whatever_breaks_later() -> None:
    later = Outage("control", 104, 110, "tokyo"), *(Outage("member", 104, 120, site) for site in LAYOUT.members)
    for node in LAYOUT.answering:
        assert stale(dead(), node, *later) == pytest.approx(103.0)


def test_two_probers_less_leave_everything_as_it_is_and_three_seconds_without_the_store_do_not() -> None:
    probers = Outage("control", 95, 110, "osaka"), Outage("control", 101, 105, "witness")
    assert stale(dead(), "tokyo", *probers) == pytest.approx(110.0), "the first is back 5 s after the second"
    members = [Outage("member", 101, 150, site, slow=3.0) for site in LAYOUT.members]
    assert stale(dead(), "tokyo", *members) == pytest.approx(106.5), "own votes"
    assert stale(dead(), "edge", *members) == pytest.approx(155.0), "frozen"
    long_before = [Outage("member", 50, 150, site, slow=3.0) for site in LAYOUT.members]
    assert stale(dead(), "tokyo", *long_before) == pytest.approx(103.0)
    blind = [Outage("control", 95, 130, "witness"), Outage("dns", 95, 130, "osaka"), *long_before]
    assert stale(dead(), "tokyo", *blind) == pytest.approx(135.0), "neither of its references answers"


def test_a_site_that_is_cut_off_is_free_and_the_others_are_not() -> None:
    outages = site_cut(1, 100, 130)
    truth = dead(C, 101)
    assert stale(truth, "tokyo", *outages) == pytest.approx(135.0)
    assert stale(truth, "osaka", *outages) == pytest.approx(107.0)
    assert stale(dead(C, 110), "osaka", *outages) == pytest.approx(113.0)


def test_a_loss_between_two_sites_leaves_the_third_to_both() -> None:
    one_way = Outage("path", 90, 150, place=Place(1), to=Place(2), slow=3.0)
    assert stale(dead(C), "tokyo", one_way) == pytest.approx(103.0)
    assert stale(dead(A), "osaka", one_way) == pytest.approx(103.0)
    weather = Weather(LAYOUT, [one_way])
    assert weather.path(("tokyo", NODE), ("osaka", ETCD)) == weather.path(("osaka", ETCD), ("tokyo", NODE)) == 0
    assert weather.path(("tokyo", NODE), ("tokyo", ETCD)) == 2
    assert [site for site in LAYOUT.roles if weather.touches(site)] == ["tokyo", "osaka", "witness", "edge"]
    assert weather.voters == ["tokyo", "osaka", "witness"]
    alone = Weather(LAYOUT, [one_way, Outage("member", 90, site="witness")])
    assert not any(alone.touches(site) for site in LAYOUT.roles)


def test_drains_are_due_after_the_grace_where_the_store_is() -> None:
    truth = Truth(LAYOUT.addresses)
    truth.drained([C, D], "d", 100.0)

    def late(node: str, *outages: Outage) -> float:
        return first(truth, node, "drained", (A, B, C, D), *outages)

    assert late("tokyo") == pytest.approx(102.0)
    assert late("tokyo", Outage("member", 101, 120, "osaka", slow=3.0)) == pytest.approx(105.0)
    assert late("tokyo", Outage("control", 101, 103, "tokyo")) == pytest.approx(108.0)
    assert late("tokyo", *(Outage("control", 90, 150, site) for site in ("osaka", "witness"))) == pytest.approx(102.0)
    assert late("tokyo", *(Outage("member", 101, 110, site) for site in LAYOUT.members)) == pytest.approx(115.0)
    assert late("tokyo", *(Outage("member", 103, 110, site) for site in LAYOUT.members)) == pytest.approx(102.0)


def test_failing_open_is_right_without_a_live_one_and_never_with_a_drained_one() -> None:
    truth = Truth(LAYOUT.addresses)
    truth.die(LAYOUT.addresses, "mode", 100.0)
    assert stale(truth, "tokyo") == float("inf")
    truth.drained([C], "d", 110.0)
    assert first(truth, "tokyo", "drained", (A, B, C, D)) == pytest.approx(112.0)
    truth.live([D], "mode", 120.0)
    assert stale(truth, "tokyo") == pytest.approx(123.0)
    assert first(truth, "tokyo", "stale", (A, B, D), Outage("control", 121, 123, "tokyo")) == pytest.approx(128.0)
    assert first(truth, "tokyo", "empty", ()) == pytest.approx(90.0)


def test_what_lives_has_to_be_there_unless_those_who_decide_are_kept_from_it() -> None:
    truth, rest = Truth(LAYOUT.addresses), (B, C, D)
    one, other = (Outage("path", 110, 190, place=Place(n, NODE), to=Place(1), share=0.3) for n in (2, 3))
    assert first(truth, "osaka", "missing", rest) == pytest.approx(90.0)
    truth.die([A], "mode", 80.0)
    truth.live([A], "mode", 100.0)
    assert first(truth, "osaka", "missing", rest) == pytest.approx(103.0)
    assert first(truth, "osaka", "missing", rest, one) == pytest.approx(103.0)
    soon = one._replace(begin=101.0), other._replace(begin=101.0)
    assert first(truth, "osaka", "missing", rest, *soon) == pytest.approx(195.0)
    alone = [Outage("member", 60, 190, site) for site in LAYOUT.members]
    assert first(truth, "osaka", "missing", rest, one._replace(begin=70), *alone) == pytest.approx(195.0)
    assert first(truth, "tokyo", "missing", rest, one._replace(begin=70), *alone) == pytest.approx(103.0)
