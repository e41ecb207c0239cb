"""Runs scenarios while a user, an agent and a watch look on; prints a timeline, and says what was promised and kept."""

import json
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from deploy.lab import insight, scenarios
from deploy.lab.build import listens, up
from deploy.lab.database.etcd import NoMajorityError
from deploy.lab.people import Agent, Primaries, User, Visit, Watch
from deploy.lab.plan import CENTRES, FOLDER
from deploy.lab.processes import LabError
from deploy.lab.scenarios import Scenario

_CALM = 120.0  # seconds until everything is as it was
_BEFORE, _AFTER = 3.0, 10.0  # watched before an event, and after the promise
_WRITTEN = 15.0  # until a server that took a value has written it


class Outcome(NamedTuple):
    """What was measured of one scenario. Moments are seconds after the event."""

    name: str
    text: str
    promise: float
    failures: int
    last_failure: float  # the end of the last request that failed; 0.0 = none
    terms: int
    primaries: int  # the most that were seen at the same time
    gap: float  # the longest time without any primary
    delay: float  # the longest that a number of the agent waited
    visits: Sequence[Visit]
    begun: float
    faults: Sequence[str]


def run(names: Sequence[str]) -> bool:
    """All scenarios, or those that are named. Whether every promise was kept."""
    up("fast")
    outcomes = []
    for scenario in scenarios.all_of():
        if not names or scenario.name in names:
            outcomes.append(_try(scenario))
            _show(outcomes[-1])
    _record(outcomes)
    faults = [fault for outcome in outcomes for fault in outcome.faults]
    print(f"\n{len(outcomes)} scenarios, {len(faults)} promises broken")
    return not faults


def _try(scenario: Scenario) -> Outcome:
    print(f"\n{scenario.text}", flush=True)
    _prepare(scenario)
    user, agent, watch = User(), Agent(), Watch()
    for person in (user, agent, watch):
        person.begin()
    try:
        time.sleep(_BEFORE)
        _await(lambda: user.visits[-1].site == scenario.hits, 60)
        before = insight.view()
        called = time.monotonic()
        scenario.do()
        begun = time.monotonic() if scenario.fails else called
        _await(lambda: insight.view().number >= before.number + scenario.terms, scenario.user + _AFTER)
        time.sleep(max(0.0, begun + scenario.user + _AFTER - time.monotonic()))
        scenario.undo()
        mended = time.monotonic()
        _await(calm, _CALM)
        print(f"  calm {time.monotonic() - mended:.1f} s after it was mended", flush=True)
        _await(lambda: agent.unsent == 0, 30)
    finally:
        for person in (user, agent, watch):
            person.end()
    return _judge(scenario, begun, before.number, user, agent, watch.seen)


def _prepare(scenario: Scenario) -> None:
    """Everything works, and the primary is where the scenario wants it."""
    _await(calm, _CALM)
    view = insight.view()
    if scenario.needs and view.site != scenario.needs:
        site = next(site for site in CENTRES if site.name == view.site)
        print(f"  the primary goes to {scenario.needs} first", flush=True)
        scenarios.switch(site)
        _await(calm, _CALM)


def calm() -> bool:
    """One primary with a standby in sync, both Pgpools know both, and a user and an agent get an address."""
    view = insight.view()
    pools = [insight.pools(site) for site in CENTRES]
    good = view.holder == view.site and view.synced != "" and all(text.count(" up ") == 2 for text in pools)
    return good and any(map(listens, CENTRES)) and scenarios.all_up()


def _await(good: Callable[[], bool], seconds: float) -> None:
    """Wait no longer than that; what is not good by then shows in what is measured."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if good():
                return
        except (LabError, NoMajorityError):
            pass
        time.sleep(0.5)
    print("  it did not come to rest", flush=True)


def _judge(scenario: Scenario, begun: float, term: int, user: User, agent: Agent, seen: Sequence[Primaries]) -> Outcome:
    failed = [visit for visit in user.visits if visit.fault]
    last = max((visit.ended - begun for visit in failed), default=0.0)
    terms = max(look.term for look in seen) - term
    primaries = max(len(look.sites) for look in seen)
    missing = _missing(agent)
    faults = []
    if last > scenario.user or (failed and not scenario.fails):
        faults.append(f"{len(failed)} requests failed, the last {last:.1f} s after the event")
    if terms != scenario.terms:
        faults.append(f"{terms} failovers of the database, {scenario.terms} expected")
    if primaries > 1:
        faults.append("two primaries at the same time")
    if missing:
        faults.append(f"{len(missing)} values are not in the database: {sorted(missing)[:5]}")
    return Outcome(
        scenario.name,
        scenario.text,
        scenario.user,
        len(failed),
        last,
        terms,
        primaries,
        _gap(seen),
        max((taken - tried for tried, taken in agent.waits), default=0.0),
        user.visits,
        begun,
        faults,
    )


def _missing(agent: Agent) -> set[int]:
    """What was acknowledged and is not in the database, after the server had the time to write it."""
    deadline = time.monotonic() + _WRITTEN
    while True:
        turn = insight.view().site
        missing = agent.taken() - insight.stored(next(site for site in CENTRES if site.name == turn))
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(1)


def _gap(seen: Sequence[Primaries]) -> float:
    longest, since = 0.0, None
    for look in seen:
        if look.sites:
            since = None
        else:
            since = since or look.when
            longest = max(longest, look.when - since)
    return longest


def _show(outcome: Outcome) -> None:
    """The timeline: who served the user, and what failed, in runs of the same."""
    runs: list[tuple[str, float, int]] = []
    for visit in outcome.visits:
        what = f"FAILED at {visit.site or 'nobody'}: {visit.fault}" if visit.fault else visit.site
        if runs and runs[-1][0] == what:
            runs[-1] = (what, runs[-1][1], runs[-1][2] + 1)
        else:
            runs.append((what, visit.begun - outcome.begun, 1))
    for what, when, count in runs:
        print(f"  {when:+7.1f} s  {count:3} x {what}")
    print(
        f"  {outcome.failures} of {len(outcome.visits)} requests failed, the last {outcome.last_failure:.1f} s after"
        f" the event (promised {outcome.promise:.1f}); database: {outcome.terms} failovers,"
        f" {outcome.gap:.1f} s without a primary; an agent's value waited {outcome.delay:.1f} s at most"
    )
    for fault in outcome.faults:
        print(f"  BROKEN: {fault}", flush=True)


def _record(outcomes: Sequence[Outcome]) -> None:
    """For the plot."""
    (FOLDER / "outcomes.json").write_text(json.dumps([outcome._asdict() for outcome in outcomes]))
