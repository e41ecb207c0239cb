"""The tracker beside a slow model that reads the whole history again for every result."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Monitor
from gslb.health.states import UNKNOWN, Observation
from gslb.health.tracker import TRANSITIONS, Tracker, diagram


def monitor(fall: int = 3, rise: int = 5, flaky: float = 0.5) -> Monitor:
    return Monitor("web", 80, fall=fall, rise=rise, flaky=flaky)


def feed(tracker: Tracker, results: str) -> str:
    """Give results ("." passed, "x" failed) and return the verdict after each: u(p), d(own), ?."""
    seen = []
    for at, result in enumerate(results):
        tracker.record(result == ".", f"timeout: {at}", float(at))
        seen.append({"up": "u", "down": "d", "unknown": "?"}[tracker.observation.verdict])
    return "".join(seen)


def model(results: str, fall: int, rise: int, flaky_of_20: int) -> str:
    """What semantics section 1 says, one verdict after each result, from the whole history each time."""
    verdicts = ""
    taken = 0  # index of the first result after the verdict was taken
    for end in range(1, len(results) + 1):
        history = results[:end]
        verdict = verdicts[-1:] or "?"
        if verdict == "?":
            new = "u" if history.endswith(".") else "d" if history.endswith("xx") else "?"
        elif verdict == "u":
            latest = history[taken:][-20:]
            is_flaky = len(latest) == 20 and latest.count("x") >= flaky_of_20
            new = "d" if history.endswith("x" * fall) or is_flaky else "u"
        else:
            new = "u" if history.endswith("." * rise) else "d"
        if new != verdict:
            taken = end
        verdicts += new
    return verdicts


runs = st.lists(st.tuples(st.sampled_from(".x"), st.integers(1, 8)), max_size=40)
histories = runs.map(lambda parts: "".join(result * count for result, count in parts))


@given(histories, st.integers(1, 6), st.integers(1, 6), st.integers(1, 21))
def test_agrees_with_the_model(results: str, fall: int, rise: int, flaky_of_20: int) -> None:
    tracker = Tracker(monitor(fall, rise, flaky_of_20 / 20))
    assert feed(tracker, results) == model(results, fall, rise, flaky_of_20)


@given(histories)
def test_a_change_is_returned_once_with_its_time(results: str) -> None:
    tracker = Tracker(monitor())
    for at, result in enumerate(results):
        before = tracker.observation
        changed = tracker.record(result == ".", "refused", float(at))
        if changed:
            assert changed is tracker.observation
            assert changed.verdict != before.verdict
            assert changed.since == at
        else:
            assert (tracker.observation.verdict, tracker.observation.since) == (before.verdict, before.since)


def test_unknown_before_the_first_result() -> None:
    tracker = Tracker(monitor())
    assert tracker.observation == UNKNOWN
    assert not tracker.decided
    assert not tracker.retry_now


def test_the_first_success_decides_at_once() -> None:
    tracker = Tracker(monitor())
    assert tracker.record(True, "", 7.0) == Observation("up", 7.0)
    assert tracker.decided
    assert not tracker.retry_now


def test_a_first_failure_asks_for_one_retry_that_decides() -> None:
    tracker = Tracker(monitor())
    assert tracker.record(False, "refused", 1.0) is None
    assert tracker.retry_now
    assert tracker.observation == Observation("unknown", 0.0, "refused", calm=False)
    assert tracker.record(False, "timeout", 2.0) == Observation("down", 2.0, "timeout", calm=False)
    assert not tracker.retry_now


def test_a_first_failure_whose_retry_passes_is_up() -> None:
    tracker = Tracker(monitor())
    assert feed(tracker, "x.") == "?u"
    assert not tracker.retry_now


def test_isolated_failures_take_nothing_down() -> None:
    assert set(feed(Tracker(monitor()), ".xx" + "..xx" * 4)) == {"u"}


def test_any_failure_starts_the_rise_over() -> None:
    assert feed(Tracker(monitor(rise=3)), "xx..x..x...") == "?ddddddddd" + "u"


def test_flaky_is_silent_until_twenty_results_are_known() -> None:
    assert feed(Tracker(monitor(fall=9)), "." + "x." * 10) == "u" * 20 + "d"


def test_flaky_tells_the_share_and_the_latest_failure() -> None:
    tracker = Tracker(monitor(fall=9))
    feed(tracker, "." + "x." * 10)
    assert tracker.observation.reason == "10 of the last 20 probes failed, latest: timeout: 19"
    tracker.record(True, "", 50.0)
    assert tracker.observation.reason == "10 of the last 20 probes failed, latest: timeout: 19"


def test_a_share_that_is_no_binary_fraction_is_met_exactly() -> None:
    assert feed(Tracker(monitor(fall=20, flaky=0.55)), "." + "x" * 11 + "." * 9)[-2:] == "ud"


def test_an_outage_does_not_echo_after_recovery() -> None:
    assert feed(Tracker(monitor()), "." + "x" * 40 + "." * 60)[-56:] == "u" * 56


def test_the_reason_is_that_of_the_latest_failure() -> None:
    tracker = Tracker(monitor(fall=2, rise=2))
    tracker.record(True, "", 0.0)
    tracker.record(False, "refused", 1.0)
    assert tracker.observation == Observation("up", 0.0, "refused", calm=False)
    tracker.record(True, "", 2.0)
    assert tracker.observation == Observation("up", 0.0, "", calm=False)
    tracker.record(True, "", 3.0)  # `rise` good ones
    assert tracker.observation == Observation("up", 0.0, "", calm=True)
    tracker.record(False, "refused", 3.0)
    tracker.record(False, "timeout", 4.0)
    assert tracker.record(False, "reset", 5.0) is None
    assert tracker.observation == Observation("down", 4.0, "reset", calm=False)
    tracker.record(True, "", 6.0)
    assert tracker.observation.reason == "reset"


def test_a_trusted_verdict_changes_by_fall_and_rise() -> None:
    up = Tracker(monitor(), Observation("up", 3.0), trusted=True)
    assert up.decided
    assert feed(up, "xxx") == "uud"
    down = Tracker(monitor(), Observation("down", 3.0, "refused"), trusted=True)
    assert feed(down, ".....") == "ddddu"


def test_a_trusted_unknown_is_no_verdict() -> None:
    tracker = Tracker(monitor(), UNKNOWN, trusted=True)
    assert not tracker.decided
    assert feed(tracker, ".") == "u"


def test_a_held_verdict_stands_until_the_first_verdict() -> None:
    down = Tracker(monitor(), Observation("down", 3.0, "refused"))
    assert not down.decided
    assert down.record(True, "", 9.0) == Observation("up", 9.0)
    up = Tracker(monitor(), Observation("up", 3.0))
    assert feed(up, "xx") == "ud"
    same = Tracker(monitor(), Observation("up", 3.0))
    assert same.record(True, "", 9.0) is None
    assert same.decided
    assert same.observation == Observation("up", 3.0)


def test_the_diagram_in_the_docs_is_drawn_from_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "health.md").read_text()
    assert f"```mermaid\n{diagram()}\n```" in page


@given(st.text(".x", min_size=1, max_size=120), st.integers(1, 4), st.integers(1, 4))
def test_every_change_is_a_transition_of_the_table(results: str, fall: int, rise: int) -> None:
    tracker = Tracker(monitor(fall=fall, rise=rise))
    taken = set()
    for at, result in enumerate(results):
        before = tracker.observation.verdict
        changed = tracker.record(result == ".", "refused", float(at))
        if changed:
            taken.add((before, changed.verdict))
    assert taken <= {(one.before, one.after) for one in TRANSITIONS}


def test_a_verdict_from_before_is_ones_own_and_lacks_no_quorum() -> None:
    held = Observation("up", 5.0, no_quorum=True)
    assert Tracker(monitor(), held, trusted=True).observation == Observation("up", 5.0)
