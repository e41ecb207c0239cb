"""What changes add up to: against a count second by second, and the formula itself."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Pool
from gslb.health.record import BASES, REMOVED, SPANS, Event, Figures, History, Place, Row, State, changes, report
from gslb.health.states import AddressState, MemberState, States, Step
from tests.support import OSAKA, TOKYO, config, states

DAY = 86_400.0
NOW = 40 * DAY
V4 = Place("web", "tokyo", "tokyo", "192.0.2.10", "observed")
V6 = V4._replace(address="2001:db8:a::10")
OTHER = Place("web", "osaka", "osaka", "198.51.100.10", "observed")

Move = tuple[float, int, State]


def history(
    places: Sequence[Place], moves: Sequence[Move], *, first: State = "up", watched: Sequence[tuple[float, float]] = ()
) -> History:
    """All begin in `first`, and were watched all the time unless told otherwise."""
    beginnings = dict.fromkeys(range(len(places)), first)
    last = {**beginnings, **{number: state for _, number, state in moves}}
    return History(dict(enumerate(places)), beginnings, last, moves, watched or [(0.0, NOW)])


def figures(rows: Sequence[Row], by: str, span: str = "24h", *, name: str = "") -> Figures:
    (found,) = [r.observed for r in rows if (r.by, r.span) == (by, span) and name in ("", r.pool, r.member, r.site)]
    return found


def test_one_outage() -> None:
    rows = report(history([V4], [(NOW - 7200, 0, "down"), (NOW - 3600, 0, "up")]), NOW)
    for by in ("member", "pool", "site"):
        day = figures(rows, by)
        assert day == (DAY - 3600, 3600, 1)
        assert day.mtbf == DAY - 3600
        assert day.mttr == 3600
        assert day.availability == pytest.approx(1 - 3600 / DAY)
    assert figures(rows, "member", "7d") == (7 * DAY - 3600, 3600, 1)
    assert [row.span for row in rows if row.by == "pool"] == list(SPANS)


def test_each_basis_is_counted_for_itself() -> None:
    served = V4._replace(what="effective")
    (row, *_) = report(history([V4, served], [(NOW - 60, 1, "down")]), NOW)
    assert row.observed == (DAY, 0, 0)
    assert row.effective == (DAY - 60, 60, 1)


def test_one_address_keeps_a_member_up_and_one_member_a_pool() -> None:
    moves: list[Move] = [(NOW - 500, 0, "down"), (NOW - 400, 1, "down"), (NOW - 300, 0, "up")]
    rows = report(history([V4, V6, OTHER], moves), NOW)
    assert figures(rows, "member", name="tokyo") == (DAY - 100, 100, 1)
    assert figures(rows, "site", name="tokyo") == (DAY - 100, 100, 1)
    assert figures(rows, "member", name="osaka") == figures(rows, "pool") == (DAY, 0, 0)


def test_a_site_is_up_while_a_member_of_any_pool_there_is() -> None:
    elsewhere = V4._replace(pool="mail")
    rows = report(history([V4, elsewhere], [(NOW - 60, 0, "down")]), NOW)
    assert figures(rows, "site") == (DAY, 0, 0)
    assert figures(rows, "pool", name="web") == (DAY - 60, 60, 1)


def test_unknown_time_is_neither() -> None:
    rows = report(history([V4], [(NOW - 100, 0, "unknown"), (NOW - 40, 0, "up")]), NOW)
    assert figures(rows, "member") == (DAY - 60, 0, 0)


def test_time_that_nobody_watched_is_neither() -> None:
    watched = [(NOW - 1000, NOW - 500), (NOW - 200, NOW)]
    rows = report(history([V4], [(NOW - 200, 0, "down")], watched=watched), NOW)
    assert figures(rows, "member") == figures(rows, "member", "30d") == (500, 200, 1)


def test_an_outage_goes_on_through_a_time_that_nobody_watched() -> None:
    watched = [(NOW - 1000, NOW - 500), (NOW - 200, NOW)]
    rows = report(history([V4], [(NOW - 600, 0, "down"), (NOW - 100, 0, "up")], watched=watched), NOW)
    assert figures(rows, "member") == (500, 200, 1)


def test_an_outage_that_reaches_into_the_span_counts() -> None:
    rows = report(history([V4], [(NOW - 2 * DAY, 0, "down"), (NOW - DAY / 2, 0, "up")]), NOW)
    assert figures(rows, "member") == (DAY / 2, DAY / 2, 1)
    assert figures(rows, "member").mttr == DAY / 2


def test_nothing_known_has_no_figures() -> None:
    rows = report(history([V4], [], first="unknown"), NOW)
    assert figures(rows, "member") == (0, 0, 0)
    nothing = figures(rows, "member")
    assert (nothing.mtbf, nothing.mttr, nothing.availability) == (None, None, None)


def test_up_all_the_time_has_an_availability_without_any_failure() -> None:
    day = figures(report(history([V4], []), NOW), "member")
    assert (day.mtbf, day.mttr, day.availability) == (None, None, 1.0)


def test_what_is_configured_no_longer_has_no_row_but_counted_for_its_pool() -> None:
    moves: list[Move] = [(NOW - 100, 1, "down"), (NOW - 60, 0, "absent")]
    rows = report(history([V4, OTHER], moves), NOW)
    assert {row.member for row in rows if row.by == "member"} == {"osaka"}
    assert {row.site for row in rows if row.by == "site"} == {"osaka"}
    assert figures(rows, "pool") == (DAY - 60, 60, 1)


def test_a_clock_that_stepped_back_breaks_nothing() -> None:
    watched = [(NOW - 1000, NOW - 400), (NOW - 600, NOW), (NOW - 5, NOW - 7)]
    moves: list[Move] = [(NOW - 500, 0, "down"), (NOW - 550, 0, "up"), (NOW + 99, 0, "down")]
    seen = figures(report(history([V4], moves, watched=watched), NOW), "member")
    assert seen.up + seen.down == 1000


STEPS = st.lists(
    st.tuples(st.integers(0, 199), st.integers(0, 3), st.sampled_from(["up", "down", "unknown", "absent"])), max_size=25
)
WATCHED = st.lists(st.tuples(st.integers(0, 199), st.integers(1, 60)), max_size=5)
FOUR = [V4, V6, OTHER, OTHER._replace(pool="mail", site="tokyo")]


def common(found: set[str]) -> str:
    return next((state for state in ("up", "unknown", "down") if state in found), "absent")


def counted(moves: Sequence[Move], first: State, watched: set[int], members: Sequence[int], start: int) -> Figures:
    """The same figures, second by second."""
    held: dict[int, State] = dict.fromkeys(range(len(FOUR)), first)
    up = down = failures = 0
    latest = ""
    for second in range(200):
        held.update((number, state) for at, number, state in moves if at == second)
        state_now = common({held[number] for number in members})
        if second < start or second not in watched or state_now not in ("up", "down"):
            continue
        up, down = up + (state_now == "up"), down + (state_now == "down")
        failures += state_now == "down" and latest != "down"
        latest = state_now
    return Figures(up, down, failures)


@given(STEPS, WATCHED, st.sampled_from(["up", "down", "unknown", "absent"]), st.integers(0, 150))
def test_the_figures_are_those_of_counting_each_second(
    steps: list[tuple[int, int, State]], runs: list[tuple[int, int]], first: State, start: int
) -> None:
    steps = sorted(steps, key=lambda step: step[0])
    spans = [(float(a), float(min(a + length, 200))) for a, length in runs] or [(0.0, 200.0)]
    watched = {second for second in range(200) for a, b in spans if a <= second < b}
    last = {**dict.fromkeys(range(4), first), **{number: state for _, number, state in steps}}
    record = History(dict(enumerate(FOUR)), dict.fromkeys(range(4), first), last, steps, spans)
    rows = report(record, start + SPANS["24h"])  # whose span begins at `start`
    groups = {
        ("member", "web", "tokyo", "tokyo"): [0, 1],
        ("member", "web", "osaka", "osaka"): [2],
        ("member", "mail", "osaka", "tokyo"): [3],
        ("pool", "web", "", ""): [0, 1, 2],
        ("pool", "mail", "", ""): [3],
        ("site", "", "", "tokyo"): [0, 1, 3],
        ("site", "", "", "osaka"): [2],
    }
    shown = {row[:4]: row.observed for row in rows if row.span == "24h"}
    present = {key for key, members in groups.items() if {last[number] for number in members} != {"absent"}}
    assert shown == {key: counted(steps, first, watched, groups[key], start) for key in present}


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(1, 1000))
def test_availability_is_mtbf_by_mtbf_and_mttr(up: float, down: float, failures: int) -> None:
    found = Figures(up, down, failures)
    assert found.mtbf is not None
    assert found.mttr is not None
    if found.mtbf + found.mttr > 1e-9:
        assert found.availability == pytest.approx(found.mtbf / (found.mtbf + found.mttr))


CONFIG = config()


def test_changes_name_place_state_and_cause() -> None:
    up, down = states(CONFIG), states(CONFIG, down=["192.0.2.10"])
    found = list(changes(up, down, 5.0))
    state = next(a for a in down["web"]["tokyo"].addresses if a.address == "192.0.2.10")
    served = Event(5.0, *V4._replace(what="effective"), "up", "down", state.reason)
    assert found == [served._replace(what="observed"), served]
    assert found[0].place == V4
    assert list(changes(down, down, 6.0)) == []


def test_what_comes_and_goes_is_absent_before_and_after() -> None:
    both, one = states(CONFIG), states(config(pools=[Pool("web", (OSAKA,))]))
    came = list(changes({}, both, 1.0))
    assert len(came) == 2 * len(BASES) * 2
    assert {event.before for event in came} == {"absent"}
    went = list(changes(both, one, 2.0))
    assert {(event.member, event.after, event.cause) for event in went} == {(TOKYO.name, "absent", REMOVED)}


def test_a_member_that_moves_to_another_site_is_another_place() -> None:
    def at(site: str) -> States:
        return {"web": {"m": MemberState("m", site, (AddressState("192.0.2.1", "up", "up"),))}}

    found = {(event.site, event.before, event.after) for event in changes(at("tokyo"), at("osaka"), 1.0)}
    assert found == {("tokyo", "up", "absent"), ("osaka", "absent", "up")}


@pytest.mark.parametrize(
    ("steps", "reason", "observed"),
    [
        ((), "web: refused", "web: refused"),
        ((Step("drain", "down", "drained: x"),), "drained: x; web: refused", "web: refused"),
        ((Step("hold", "up", "held: y"), Step("drain", "down", "drained: x")), "drained: x; held: y", ""),
        ((Step("ramp", "up", ""), Step("drain", "down", "drained: x")), "drained: x; web: refused", "web: refused"),
    ],
)
def test_the_cause_of_an_observation_is_what_the_monitors_say(
    steps: tuple[Step, ...], reason: str, observed: str
) -> None:
    state = AddressState("192.0.2.1", "down", "down", reason, steps)
    found = changes({}, {"web": {"m": MemberState("m", "tokyo", (state,))}}, 1.0)
    assert {event.what: event.cause for event in found} == {"observed": observed, "effective": reason}
