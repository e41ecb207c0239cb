"""Runs scenarios while people and onlookers note what they see, and has them judged."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from deploy.lab import acts, delegation, insight, network, report, scenarios, services, times, watching
from deploy.lab.acts import UnrestError, await_
from deploy.lab.beats import Beats, beats
from deploy.lab.build import listens, up
from deploy.lab.cast import Cast
from deploy.lab.database.etcd import NoMajorityError
from deploy.lab.judge import Notes, State, judge
from deploy.lab.outcome import Outcome, Part
from deploy.lab.plan import CENTRES, FOLDER, Site, other
from deploy.lab.plot import timeline
from deploy.lab.processes import LabError
from deploy.lab.scenarios import Scenario
from deploy.lab.times import Times

_CALM = 150.0  # seconds until everything is as it was
_SOON = 60.0  # until that is so where nothing hangs
_BEFORE, _AFTER = 3.0, 4.0  # watched before an event, and after the promise
_WRITTEN = 15.0  # until a server that took a value has written it
_ASKED = 10.0  # until a node that was started can be asked
_TURNS = 12  # times the TTL, until the user is served by the site that is to be
_TABLE = "CREATE TABLE IF NOT EXISTS lab_writes (site text, number bigint, PRIMARY KEY (site, number))"

_CHECKS = (
    ("delegation", "parent, name servers, unbound and Zonemaster agree", delegation.check),
    ("watching", "every item of the template has a value in Zabbix", watching.report),
)


def run(names: Sequence[str]) -> list[Outcome]:
    """Each scenario once, or those that are named. Only all of them are written into the README."""
    promised, every = prepare("fast")
    outcomes = [] if names else [_check(*check) for check in _CHECKS]
    for scenario in every:
        if not names or scenario.name in names:
            outcomes.append(attempt(scenario, promised))
            (FOLDER / "outcomes.json").write_text(json.dumps([outcome.plain() for outcome in outcomes]))
            (FOLDER / "timeline.svg").write_text(timeline(outcomes))
    if not names:
        report.write_test(outcomes)
    print(f"\n{report.totals(outcomes)}\n{FOLDER}/outcomes.json, {FOLDER}/timeline.svg", flush=True)
    return outcomes


def _check(name: str, text: str, check: Callable[[], bool]) -> Outcome:
    """What is to be right before anything is broken. It prints what it finds."""
    print(f"\n{name}: {text}", flush=True)
    try:
        faults = [] if check() else [f"it is not: python -m deploy.lab {name}"]
    except LabError as error:
        faults = [str(error)]
    return Outcome(name, text, "fast", faults=faults)


def prepare(profile: str) -> tuple[Times, list[Scenario]]:
    """A lab that stands with that profile and that Zabbix sees, its promises, and all scenarios with them."""
    up(profile)
    watching.settle()
    await_(lambda: insight.view().holder != "", "nobody is primary", _CALM)
    turn = _turn()
    insight.sql(turn, f"UPDATE config SET ha_failover_delay = '{times.TAKEOVER[profile]:.0f}s'")
    insight.sql(turn, f"SET ROLE zabbix; {_TABLE}")
    promised = times.served(profile)
    return promised, scenarios.all_of(promised)


def attempt(scenario: Scenario, promised: Times) -> Outcome:
    """Run one and say what came of it. What keeps it from its end is a broken promise, too; then all is mended."""
    begun = time.monotonic()
    print(f"\n{scenario.name}: {scenario.text}", flush=True)
    try:
        outcome = judge(scenario, promised, _notes(scenario, promised))
    except (LabError, NoMajorityError, OSError, subprocess.SubprocessError) as error:
        fault = f"it did not come to its end: {error}"
        outcome = Outcome(scenario.name, scenario.text, promised.profile, faults=[fault])
        _mend(promised.profile)
    outcome = outcome._replace(seconds=round(time.monotonic() - begun, 1))
    tell(outcome)
    return outcome


def tell(outcome: Outcome) -> None:
    """What was measured, beside what was promised."""
    for part in outcome.parts:
        bound = "" if part.bound is None else f" of {part.bound:.1f}"
        print(f"  {part.name}: {part.took:.1f} s{bound}")
    counts = dict(outcome.counts)
    if counts:
        print(
            f"  {counts['failures']} of {counts['requests']} requests failed;"
            f" {counts['promotions']} promotions; {counts['writes']} writes, {counts['writes missing']} lost;"
            f" {counts['values']} values, {counts['values missing']} missing; {outcome.seconds:.0f} s in all"
        )
    for note in outcome.notes:
        print(f"  missing: {note}")
    for fault in outcome.faults:
        print(f"  BROKEN: {fault}")
    if outcome.faults:
        print(f"  logs: {FOLDER}/SITE/HOST/*.log, {FOLDER}/*/app/pgpool/failover.log", flush=True)


def _notes(scenario: Scenario, promised: Times) -> Notes:
    _arrange(scenario)
    with Cast(_site(scenario.dies) if scenario.dies else None) as cast:
        time.sleep(_BEFORE)
        await_(
            lambda: [(visit.site, visit.fault) for visit in cast.user.visits[-1:]] == [(scenario.hits, "")],
            f"the user is not served by {scenario.hits}",
            _TURNS * promised.web.ttl,
        )
        before = _state()
        begun = _strike(scenario, cast)
        _watch(scenario, cast, begun, before)
        shown = _shown(cast, begun)
        if scenario.loses:
            await_(
                lambda: cast.agent.unsent == 0,
                "no other Zabbix server takes the agent's values",
                promised.value(scenario.terms > 0),
            )
        mended = time.monotonic()
        cast.live.tell("it is being mended")
        scenario.undo()
        works = time.monotonic()
        cast.live.tell("it is mended")
        await_(calm, "it does not come to rest", _CALM)
        cast.live.tell(f"calm {time.monotonic() - works:.1f} s after that")
        if _let_in():
            works = time.monotonic()
            cast.live.tell("resumed by hand: it had changed too often, and damping held it back")
        await_(lambda: cast.agent.unsent == 0, "the agent's values are not taken", promised.value(scenario.terms > 0))
        shown += _ended(cast, works)
    stored, found = _stored(cast), beats(begun - _BEFORE, time.monotonic(), _WRITTEN)
    return _noted(cast, (begun, mended), (before, _state()), stored, found, shown)


def _strike(scenario: Scenario, cast: Cast) -> float:
    """The moment of the event: where users may notice, when all of it has happened, and else when it begins."""
    cast.live.event("it happens")
    called = time.monotonic()
    scenario.do()
    begun = time.monotonic() if scenario.fails else called
    if scenario.fails:
        cast.live.event("it has happened")
    return begun


def _watch(scenario: Scenario, cast: Cast, begun: float, before: State) -> None:
    """Until what was promised has come true, or is broken."""
    until = begun + scenario.user + _AFTER
    with suppress(UnrestError):
        await_(lambda: insight.view().number >= before.term + scenario.terms, "", until - time.monotonic())
    time.sleep(max(0.0, until - time.monotonic()))


def _shown(cast: Cast, begun: float) -> list[Part]:
    if not cast.observer:
        return []
    seen = cast.observer.await_problem(begun)
    cast.live.tell("Zabbix shows that nothing is served there" if seen else "Zabbix does not show it")
    return [Part("Zabbix shows it", seen or time.monotonic() - begun, cast.observer.promise)]


def _ended(cast: Cast, works: float) -> list[Part]:
    if not cast.observer:
        return []
    gone = cast.observer.await_end(works)
    return [Part("Zabbix shows its end", gone or time.monotonic() - works, watching.CLOSED)]


def _noted(
    cast: Cast,
    when: tuple[float, float],
    states: tuple[State, State],
    stored: set[int],
    found: Beats,
    shown: list[Part],
) -> Notes:
    turn = _turn()
    return Notes(
        begun=when[0],
        mended=when[1],
        before=states[0],
        after=states[1],
        visits=cast.user.visits,
        values=cast.agent.values,
        looks=cast.watch.seen,
        answers=cast.answers(),
        writes={site: writer.writes for site, writer in cast.writers.items()},
        stored=stored,
        written={site: insight.written(turn, site, writer.first) for site, writer in cast.writers.items()},
        beats=found,
        shown=shown,
    )


def _arrange(scenario: Scenario) -> None:
    """Everything works, and the primary is where the scenario wants it."""
    with suppress(UnrestError):
        await_(calm, "", _SOON)
    _wake()
    await_(calm, "it is not at rest before", _CALM)
    view = insight.view()
    if scenario.needs and view.site != scenario.needs:
        print(f"  the primary goes to {scenario.needs} first", flush=True)
        acts.switch(_turn())
        await_(calm, "it does not come to rest after that", _CALM)
    if scenario.dies:
        watching.give_server(_site(scenario.loses) if scenario.loses else other(_site(scenario.dies)))
        await_(calm, "it does not come to rest with the Zabbix server there", _CALM)
    _let_in()


def _let_in() -> bool:
    """As `acts.let_in`, again where a node refuses to be asked: it may have been started a moment ago."""
    held: list[bool] = []

    def tried() -> bool:
        held.append(acts.let_in())
        return True

    await_(tried, "what damping holds back cannot be resumed", _ASKED)
    return any(held)


def _wake() -> None:
    """Start again a Zabbix server that runs and is silent: its manager of the high availability may hang in a query
    that Pgpool will never answer, and then it would not take over."""
    for site in CENTRES if insight.view().holder else ():
        doing = insight.zabbix_roles(_turn()).get(site.name, "silent")
        if doing == "silent" and services.zabbix(site).process():
            print(f"  {site.name}'s Zabbix server is silent, and is started again", flush=True)
            services.zabbix(site).stop()
            services.zabbix(site).start()


def calm() -> bool:
    """One primary with a standby in sync, each Pgpool has it alone, one Zabbix server takes values and one stands by,
    and all members are up."""
    view = insight.view()
    if view.holder != view.site or not view.synced:
        return False
    primary = f"{_turn().host('db').address} up primary"
    pools = [insight.pools(site) for site in CENTRES]
    good = all(text.count(" up ") == 1 and primary in text for text in pools)
    roles = sorted(insight.zabbix_roles(_turn()).values())
    return good and roles == ["active", "standby"] and any(map(listens, CENTRES)) and acts.all_up()


def _turn() -> Site:
    """Whose turn it is to be primary."""
    return _site(insight.view().site)


def _site(name: str) -> Site:
    return next(site for site in CENTRES if site.name == name)


def _state() -> State:
    turn = _turn()
    return State(insight.view().number, insight.timeline(turn), turn.name)


def _stored(cast: Cast) -> set[int]:
    """The agent's values in the database, after the server had the time to write them."""
    taken = {value.number for value in cast.agent.values}
    deadline = time.monotonic() + _WRITTEN
    while True:
        found = insight.stored(_turn(), cast.agent.first)
        if taken <= found or time.monotonic() > deadline:
            return found
        time.sleep(1)


def _mend(profile: str) -> None:
    """After a scenario that did not come to its end: no link is cut, everything runs, no site is drained."""
    network.part()
    for site in CENTRES:
        network.refuse(site.host("app"))
    up(profile)
    for site in CENTRES:
        with suppress(LabError):
            acts.gslb(site, "undrain", f"site/{site.name}")
