"""What is called kept and broken in the lab: made-up notes of a site that dies, and the record of many rounds."""

import json
from pathlib import Path

import pytest

from deploy.lab.beats import Beats
from deploy.lab.files import timed
from deploy.lab.judge import Notes, State, judge
from deploy.lab.onlookers import Answer, Primaries
from deploy.lab.outcome import Outcome, Part
from deploy.lab.people import Value, Visit, Write
from deploy.lab.scenarios import Scenario, all_of
from deploy.lab.soak import Wanted, due, earlier, estimate
from deploy.lab.times import DATABASE, Follow, Times, of
from tests.conftest import ROOT
from tests.loading import load

PROMISED = Times("fast", Follow(3.6, 3.6, 5), Follow(3.6, 3.6, 5), Follow(3.6, 3.6, 5))
DIES = Scenario(
    "dies",
    "Tokyo dies",
    lambda: None,
    lambda: None,
    28.6,
    terms=1,
    leaves="tokyo",
    loses="tokyo",
    elects=True,
    without=DATABASE,
    mute="tokyo",
)
FRONT = Scenario("front", "front end of Tokyo", lambda: None, lambda: None, 12.6, leaves="tokyo")
EVENT, MENDED = 1000.0, 1040.0


def answers(name: str, tokyo_until: float, resolver_until: float) -> list[Answer]:
    """Both sites' name servers and the resolver lead to Tokyo until some seconds after the event, and to Osaka then."""
    found = []
    for tick in range(-20, 180):
        when = tick / 4
        for server, until in (("osaka", tokyo_until), ("resolver", resolver_until)):
            found.append(Answer(EVENT + when, server, name, ("tokyo" if when <= until else "osaka",)))
    return found


def notes(terms: int = 1, timelines: int = 1) -> Notes:
    """Tokyo dies with the primary, and all goes as it should: Osaka is primary after 8 s, users are well after 10."""
    moves = range(-20, 180)
    primaries = [("tokyo",) if at < 0 else ("osaka",) if at >= 16 else () for at in moves]
    looks = [
        Primaries(EVENT + at / 2, sites, 5 if at < 14 or not terms else 5 + terms)
        for at, sites in zip(moves, primaries, strict=True)
    ]
    visits = [
        Visit(EVENT + at, EVENT + at + 0.1, "tokyo" if at < 6 else "osaka", "OSError" if 0 <= at < 10 else "")
        for at in range(-5, 60)
    ]
    writes = [Write(at, EVENT + at, EVENT + at + 0.1, "OSError" if 0 <= at < 9 else "") for at in range(-5, 60)]
    there = {row.number for row in writes if not row.fault}
    values = [Value(1, EVENT - 5, EVENT - 4.9, "tokyo"), Value(2, EVENT + 1, EVENT + 37, "osaka")]
    return Notes(
        begun=EVENT,
        mended=MENDED,
        before=State(5, 3, "tokyo"),
        after=State(5 + terms, 3 + timelines, "osaka" if terms else "tokyo"),
        visits=visits,
        values=values,
        looks=looks,
        answers=sorted([*answers("zabbix", 2.5, 7), *answers("zabbix-db", 9, 12)], key=lambda answer: answer.when),
        writes={"tokyo": writes[:5], "osaka": writes},
        stored={1, 2},
        written={"tokyo": there, "osaka": there},
        beats=Beats(50, (), ()),
        shown=[Part("Zabbix shows it", 41.0, 95.0)],
    )


def took(outcome: Outcome) -> dict[str, float]:
    return {part.name: round(part.took, 2) for part in outcome.parts}


def test_each_part_of_a_death_is_told() -> None:
    outcome = judge(DIES, PROMISED, notes())
    assert outcome.faults == []
    assert took(outcome) == {
        "detection": 2.5,
        "TTL": 4.25,
        "without a primary": 7.5,
        "promotion": 1.0,
        "zabbix-db follows": 1.0,
        "without a commit": 10.0,
        "agent's value": 36.0,
        "last failed request": 9.1,
        "Zabbix shows it": 41.0,
    }
    assert outcome.part("detection") == Part("detection", 2.5, pytest.approx(8 + 3.6))
    assert outcome.counts["failures"] == 10
    assert outcome.marks == {"promise": 28.6, "mended": 40.0, "detection": 2.5}
    assert [run.what for run in outcome.lanes["user"]] == ["tokyo", "failed", "osaka"]
    assert [run.what for run in outcome.lanes["primary"]] == ["tokyo", "nobody", "osaka"]
    assert [(run.since, run.until) for run in outcome.lanes["osaka's answers: tokyo"]] == [(-5.0, 2.5)]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"after": State(7, 4, "osaka")}, "2 terms and 1 timelines"),
        ({"after": State(6, 5, "osaka")}, "1 terms and 2 timelines"),
        ({"answers": [*answers("zabbix", 12, 13), *answers("zabbix-db", 9, 12)]}, "detection: 12.0 s, promised 11.6"),
        ({"answers": [*answers("zabbix", 2, 9), *answers("zabbix-db", 9, 12)]}, "TTL: 6.8 s, promised 6.0"),
        (
            {"answers": [*answers("zabbix", 2, 7), *answers("zabbix-db", 15, 16)]},
            "zabbix-db follows: 7.0 s, promised 3.6",
        ),
        (
            {"answers": [*answers("zabbix", 2, 7), *answers("zabbix-db", 90, 90)]},
            "zabbix-db leads to [('tokyo',)] in the end",
        ),
        ({"written": {"tokyo": set(range(-5, 60)), "osaka": set(range(9, 60))}}, "5 acknowledged writes are lost"),
        ({"visits": [Visit(EVENT + 29, EVENT + 30, "tokyo", "OSError")]}, "last failed request: 30.0 s, promised 28.6"),
        (
            {"visits": [Visit(EVENT - 9, EVENT - 8, "tokyo", "OSError")]},
            "1 requests failed before anything had happened",
        ),
        ({"looks": [Primaries(EVENT + 1, ("osaka", "tokyo"), 6)]}, "two primaries at the same time"),
        ({"values": [Value(3, EVENT, EVENT + 90, "osaka")], "stored": {3}}, "agent's value: 90.0 s"),
        ({"answers": answers("zabbix-db", 9, 12)}, "osaka answered nobody after the event"),
        ({"answers": answers("zabbix", 2, 7)}, "zabbix-db was answered to nobody after the event"),
        ({"visits": [Visit(EVENT - 2, EVENT - 1, "tokyo", "")]}, "the user was served nothing in the last 5 s"),
        ({"looks": [Primaries(EVENT - 1, ("tokyo",), 5)]}, "nobody looked for the primary after the event"),
        ({"writes": {"osaka": []}, "written": {"osaka": set()}}, "without a commit: 40.0 s, promised 20.0"),
        ({"stored": {1}}, "not in the database: value 2, taken by osaka's server"),
        ({"shown": [Part("Zabbix shows it", 99.0, 95.0)]}, "Zabbix shows it: 99.0 s, promised 95.0"),
    ],
)
def test_a_broken_promise_is_named(change: dict[str, object], fault: str) -> None:
    faults = judge(DIES, PROMISED, notes()._replace(**change)).faults
    assert [text for text in faults if fault in text], faults


def test_what_a_dead_server_had_taken_a_moment_before_is_explained_and_counted() -> None:
    taken = [Value(1, EVENT - 1, EVENT - 0.9, "tokyo"), Value(2, EVENT - 20, EVENT - 19, "tokyo")]
    outcome = judge(DIES, PROMISED, notes()._replace(values=taken, stored={2}))
    assert outcome.faults == []
    assert outcome.counts["values missing"] == 1
    assert outcome.notes == ["value 1, taken by tokyo's server 0.9 s before the event, and not written before it died"]


@pytest.mark.parametrize(
    ("scenario", "value"),
    [
        (DIES, Value(1, EVENT - 9, EVENT - 8.9, "tokyo")),  # it had the time to write it
        (DIES, Value(1, EVENT - 1, EVENT + 0.1, "tokyo")),  # it was dead
        (DIES, Value(1, EVENT - 1, EVENT - 0.9, "osaka")),  # that one lived on
        (FRONT, Value(1, EVENT - 1, EVENT - 0.9, "tokyo")),  # so did that one
    ],
)
def test_anything_else_that_is_missing_breaks_the_promise(scenario: Scenario, value: Value) -> None:
    faults = judge(scenario, PROMISED, notes(terms=0, timelines=0)._replace(values=[value], stored=set())).faults
    assert [text for text in faults if "value 1, taken by" in text], faults


def test_beats_are_explained_where_the_active_server_died() -> None:
    beats = Beats(50, (EVENT - 1.0,), ())
    assert judge(DIES, PROMISED, notes()._replace(beats=beats)).faults == []
    elsewhere = [Value(1, EVENT - 5, EVENT - 4.9, "osaka")]
    faults = judge(DIES, PROMISED, notes()._replace(beats=beats, values=elsewhere)).faults
    assert faults == ["not in the database: a beat of the agent, taken 1.0 s before the event"]


STARVED = FRONT._replace(serves="tokyo")
BEFORE, FORGOTTEN = Value(1, EVENT - 1, EVENT - 0.9, "tokyo"), Value(2, EVENT + 10, EVENT + 10.1, "tokyo")
WAITED = Value(3, EVENT + 28, EVENT + 50, "osaka")


def test_what_a_server_forgot_as_it_gave_up_its_role_is_explained_and_counted() -> None:
    calm = notes(terms=0, timelines=0)._replace(stored={1, 3}, beats=Beats(50, (EVENT + 20.0,), ()))
    outcome = judge(STARVED, PROMISED, calm._replace(values=[BEFORE, FORGOTTEN, WAITED]))
    assert not [text for text in outcome.faults if "not in the database" in text]
    assert outcome.notes == [
        "value 2, taken by tokyo's server 10.1 s after the event, and not written before it gave up its role",
        "a beat of the agent, taken 20.0 s after the event, and not written before it gave up its role",
    ]


@pytest.mark.parametrize(
    ("scenario", "values"),
    [
        (STARVED, [BEFORE, FORGOTTEN]),  # nobody waited: it never gave up
        (STARVED, [BEFORE, Value(2, EVENT + 30.5, EVENT + 30.6, "tokyo"), WAITED]),  # it had, by then
        (STARVED, [BEFORE, FORGOTTEN._replace(site="osaka"), WAITED]),  # that one has a database
        (STARVED._replace(serves="osaka"), [BEFORE, FORGOTTEN, WAITED]),  # nothing keeps it from its database
        (STARVED._replace(fails=False), [BEFORE, FORGOTTEN, WAITED]),  # a drain: it was asked to end
    ],
)
def test_a_server_that_gave_nothing_up_has_no_excuse(scenario: Scenario, values: list[Value]) -> None:
    calm = notes(terms=0, timelines=0)._replace(stored={1, 3})
    faults = judge(scenario, PROMISED, calm._replace(values=values)).faults
    assert [text for text in faults if "value 2, taken by" in text], faults


def test_without_a_failover_detection_counts_from_the_event() -> None:
    late = notes(terms=0, timelines=0)._replace(answers=[*answers("zabbix", 4, 5), *answers("zabbix-db", 90, 90)])
    assert judge(FRONT, PROMISED, late).part("detection") == Part("detection", 4.0, 3.6)
    assert judge(FRONT._replace(elects=True), PROMISED, late).part("detection") == Part("detection", 4.0, 6.6)


def test_where_nobody_is_promoted_there_is_a_primary_and_commits_go_on() -> None:
    calm = notes(terms=0, timelines=0)
    faults = judge(FRONT, PROMISED, calm).faults
    assert "without a primary: 7.5 s, promised 2.5" in faults
    assert "without a commit: 10.0 s, promised 6.0" in faults
    all_along = [Write(at, EVENT + at, EVENT + at + 0.1, "") for at in range(60)]
    busy = calm._replace(writes={"tokyo": all_along, "osaka": calm.writes["osaka"]})
    assert judge(FRONT, PROMISED, busy).part("without a commit").took == pytest.approx(1)  # by either site's Pgpool


def test_only_where_a_server_is_touched_a_value_may_wait_for_another_one() -> None:
    calm = notes(terms=0, timelines=0)
    assert judge(FRONT, PROMISED, calm).part("agent's value") == Part("agent's value", 36.0, 3 + 5 + 1 + 4)
    touched = FRONT._replace(serves="tokyo")
    assert judge(touched, PROMISED, calm).part("agent's value") == Part("agent's value", 36.0, pytest.approx(58.6))
    assert "agent's value: 36.0 s, promised 13.0" in judge(touched._replace(serves="osaka"), PROMISED, calm).faults


def test_a_drain_may_fail_nobody() -> None:
    drain = FRONT._replace(user=0.0, fails=False)
    calm = notes(terms=0, timelines=0)
    visit = Visit(EVENT + 0.1, EVENT + 0.2, "tokyo", "OSError")
    assert "1 requests failed, and none may" in judge(drain, PROMISED, calm._replace(visits=[visit])).faults


def served(folder: Path, profile: str) -> Times:
    """By the zone file of the repository, with a profile's times."""
    text = (ROOT / "zones" / "zabbix.yaml").read_text()
    (folder / "zones").mkdir()
    (folder / "zones" / "zabbix.yaml").write_text(timed(text, profile))
    (folder / "zones" / "probers.yaml").write_text((ROOT / "deploy/lab/etc/probers.yaml").read_text())
    (folder / "gslb.yaml").write_text(
        'node: {name: tokyo-1, site: tokyo}\nlisten: {dns: ["127.0.0.1:5300"]}\nzones: zones/\nstate: state/\n'
    )
    return of(load(str(folder / "gslb.yaml")), profile)


@pytest.mark.parametrize(
    ("profile", "web", "server", "primary"),
    [
        ("fast", Follow(3.6, 3.6, 5), Follow(3.6, 3.6, 5), Follow(3.6, 3.6, 5)),
        ("default", Follow(18.0, 28.0, 30), Follow(13.0, 13.0, 10), Follow(13.0, 8.0, 10)),
    ],
)
def test_promises_come_from_the_configuration_that_is_served(
    tmp_path: Path, profile: str, web: Follow, server: Follow, primary: Follow
) -> None:
    found = served(tmp_path, profile)
    for one, expected in zip((found.web, found.server, found.primary), (web, server, primary), strict=True):
        assert one == pytest.approx(expected)


def test_the_promises_of_scenarios_follow_the_profile() -> None:
    slow = PROMISED._replace(web=Follow(18, 28, 30))
    for fast, default in zip(all_of(PROMISED), all_of(slow), strict=True):
        assert fast.name == default.name
        assert default.user - fast.user == (pytest.approx(14.4 + 25) if fast.leaves and fast.fails else 0)


def outcome(name: str, seconds: float, profile: str = "default") -> Outcome:
    return Outcome(name, name, profile, seconds=seconds)


def test_a_soak_goes_on_where_it_was(tmp_path: Path) -> None:
    record = tmp_path / "soak.jsonl"
    lines = [outcome("dies", 100), outcome("front", 50), outcome("dies", 200), outcome("front", 9, "fast")]
    record.write_text("".join(json.dumps(one.plain()) + "\n" for one in lines) + '{"name": "fro')
    found = earlier(record, Wanted((), 3, "default"))
    assert [one.name for one in found] == ["dies", "front", "dies"]
    left = list(due([DIES, FRONT], found, 3))
    assert [one.name for one in left] == ["front", "dies", "front"]
    assert estimate(left, found) == 150 + 50 + 50


def test_a_soak_of_some_does_not_count_others(tmp_path: Path) -> None:
    record = tmp_path / "soak.jsonl"
    assert earlier(record, Wanted((), 3, "default")) == []
    record.write_text(json.dumps(outcome("front", 50).plain()) + "\n")
    assert earlier(record, Wanted(("dies",), 3, "default")) == []
    assert estimate([DIES], [outcome("front", 50)]) == 50
