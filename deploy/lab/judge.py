"""What was promised of a scenario and what was kept, out of what people and onlookers noted.

Times are never overstated: a moment is that of the last sighting before a change, so what breaks a bound broke it.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import pairwise
from typing import NamedTuple

from deploy.lab import times
from deploy.lab.beats import UNWRITTEN, Beats
from deploy.lab.onlookers import NAMES, SERVERS, Answer, Primaries
from deploy.lab.outcome import Outcome, Part, Run, merged
from deploy.lab.people import PATIENCE, Value, Visit, Write
from deploy.lab.plan import CENTRES
from deploy.lab.scenarios import Scenario
from deploy.lab.times import Times

WEB, SERVER, DATABASE = NAMES
_LAST = 5.0  # seconds before mending, in which the user must have been served
_BEGINS = 3.0  # seconds that it takes to break something
_MIXED = 3.0  # seconds without an answer of a site, after which a name server does not give it any more


class State(NamedTuple):
    """The database at rest: its term, PostgreSQL's own count of promotions, and where the primary is."""

    term: int
    timeline: int
    site: str


class Notes(NamedTuple):
    """Everything that was noted of one scenario. Moments are monotonic seconds."""

    begun: float  # the event
    mended: float  # when its repair began
    before: State
    after: State
    visits: Sequence[Visit]
    values: Sequence[Value]
    looks: Sequence[Primaries]
    answers: Sequence[Answer]
    writes: Mapping[str, Sequence[Write]]  # by the site whose Pgpool they went through
    stored: Set[int]  # values in the database
    written: Mapping[str, Set[int]]  # rows in it
    beats: Beats
    shown: Sequence[Part]  # when Zabbix said so

    def after_event(self, answer: Answer) -> bool:
        return self.begun < answer.when <= self.mended


def judge(scenario: Scenario, promised: Times, notes: Notes) -> Outcome:
    """The outcome, without how long it took."""
    parts = [*_parts(scenario, promised, notes), *notes.shown]
    explained, unexplained = _values(scenario, promised, notes)
    lost = sorted(number for site, rows in _acknowledged(notes).items() for number in rows - notes.written[site])
    failed = [visit for visit in notes.visits if visit.fault]
    counts = {
        "requests": len(notes.visits),
        "failures": len(failed),
        "terms": notes.after.term - notes.before.term,
        "promotions": notes.after.timeline - notes.before.timeline,
        "expected": scenario.terms,
        "primaries": max(len(look.sites) for look in notes.looks),
        "values": len(notes.values) + notes.beats.taken,
        "values missing": len(explained) + len(unexplained),
        "writes": sum(map(len, _acknowledged(notes).values())),
        "writes missing": len(lost),
    }
    faults = [f"{part.name}: {part.took:.1f} s, promised {part.bound:.1f}" for part in parts if part.broken]
    faults += [*_broken(scenario, counts, notes), *_silent(scenario, notes)]
    faults += [f"not in the database: {text}" for text in unexplained]
    marks = {"promise": scenario.user, "mended": notes.mended - notes.begun}
    marks |= {part.name: part.took for part in parts if part.name == "detection"}
    lanes = _lanes(notes)
    return Outcome(scenario.name, scenario.text, promised.profile, parts, counts, marks, lanes, explained, faults)


def _broken(scenario: Scenario, counts: Mapping[str, int], notes: Notes) -> list[str]:
    """Promises that are no times."""
    faults = []
    early = [visit for visit in notes.visits if visit.fault and visit.ended < notes.begun - _BEGINS]
    if early and scenario.fails:
        faults.append(f"{len(early)} requests failed before anything had happened")
    if counts["failures"] and not scenario.fails:
        faults.append(f"{counts['failures']} requests failed, and none may")
    if (counts["terms"], counts["promotions"]) != (scenario.terms, scenario.terms):
        found = f"{counts['terms']} terms and {counts['promotions']} timelines"
        faults.append(f"{found} of the database were begun, {scenario.terms} expected")
    if counts["primaries"] > 1:
        faults.append("two primaries at the same time")
    if counts["writes missing"]:
        faults.append(f"{counts['writes missing']} acknowledged writes are lost")
    if not all(_acknowledged(notes).values()):
        faults.append("somebody could write nothing at all")
    led = {answer.sites for answer in notes.answers if answer.name == DATABASE and answer.server != "resolver"}
    last = [answer.sites for answer in notes.answers if answer.name == DATABASE][-1:]
    if last != [(notes.after.site,)]:
        faults.append(f"zabbix-db leads to {last or 'nobody'} in the end, the primary is at {notes.after.site}")
    if any(len(sites) > 1 for sites in led):
        faults.append("zabbix-db led to both sites")
    return faults


def _silent(scenario: Scenario, notes: Notes) -> list[str]:
    """Who should have been heard and was not: nothing that is late may pass because nobody was there to see it."""
    heard = {answer.server for answer in notes.answers if answer.name == WEB and notes.after_event(answer)}
    alive = [name for name in SERVERS if name != scenario.mute]
    faults = [f"{name} answered nobody after the event" for name in alive if name not in heard]
    if not any(answer.name == DATABASE and notes.after_event(answer) for answer in notes.answers):
        faults.append("zabbix-db was answered to nobody after the event")
    served = (visit.ended for visit in notes.visits if not visit.fault)
    if not any(notes.mended - _LAST < when <= notes.mended for when in served):
        faults.append(f"the user was served nothing in the last {_LAST:.0f} s before mending")
    if not any(notes.begun < look.when <= notes.mended for look in notes.looks):
        faults.append("nobody looked for the primary after the event")
    return faults


def _parts(scenario: Scenario, promised: Times, notes: Notes) -> Iterable[Part]:
    late = times.ELECTION if scenario.elects else 0.0
    if scenario.leaves and scenario.fails:
        left = _last(notes, WEB, scenario.leaves, of_resolver=False)
        known = promised.web.falls + late
        if scenario.terms:  # without a database no front end works, and all are answered until one does
            known = max(known, _works(notes) - notes.begun + promised.web.rises)
        yield Part("detection", left, known)
        kept = _last(notes, WEB, scenario.leaves, of_resolver=True)
        yield Part("TTL", max(0.0, kept - _stopped(notes, scenario.leaves)), promised.web.ttl + times.WHOLE)
    event = [look for look in notes.looks if look.when >= notes.begun - 1]
    yield Part("without a primary", _gap(event), scenario.without)
    if scenario.terms:
        yield from _database(promised, notes, late)
    sites = [notes.after.site] if scenario.terms else list(notes.writes)  # either one's Pgpool shows that it commits
    rows = sorted((row for site in sites for row in notes.writes[site]), key=lambda row: row.ended)
    yield Part("without a commit", _pause(rows, notes), scenario.commit)
    waited = max((value.taken - value.tried for value in notes.values), default=0.0)
    yield Part("agent's value", waited, _patience(scenario, promised, notes))
    failed = [visit.ended - notes.begun for visit in notes.visits if visit.fault]
    yield Part("last failed request", max([0.0, *failed]), scenario.user)


def _patience(scenario: Scenario, promised: Times, notes: Notes) -> float:
    """How long a value may wait: another server must take over only where the active one is touched."""
    if scenario.loses or (scenario.serves and _active(notes) == scenario.serves):
        return promised.value(scenario.terms > 0)
    return promised.moment(scenario.terms > 0)


def _active(notes: Notes) -> str:
    """The site whose Zabbix server took the last value before the event."""
    return next((value.site for value in reversed(notes.values) if value.taken <= notes.begun), "")


def _database(promised: Times, notes: Notes, late: float) -> Iterable[Part]:
    """Of a failover: how the turn went, and who is led there."""
    event = [look for look in notes.looks if look.when >= notes.begun - 1]
    turn = next((look.when for look in event if look.term > notes.before.term), notes.mended)
    works = _works(notes)
    yield Part("promotion", max(0.0, works - turn))
    last = max(0.0, _last(notes, DATABASE, notes.before.site, of_resolver=False) - (works - notes.begun))
    knows = promised.primary.falls + late - (works - notes.begun)  # where it works before the old one counts as dead
    yield Part("zabbix-db follows", last, max(knows, promised.primary.rises))


def _works(notes: Notes) -> float:
    """When the new primary was seen first."""
    new, term = notes.after.site, notes.before.term
    return next((look.when for look in notes.looks if look.sites == (new,) and look.term > term), notes.mended)


def _last(notes: Notes, name: str, site: str, *, of_resolver: bool) -> float:
    """When that site was answered last after the event, 0.0 = never."""
    return max((one.when - notes.begun for one in _sightings(notes, name, site, of_resolver=of_resolver)), default=0.0)


def _stopped(notes: Notes, site: str) -> float:
    """When the name server that gave users the site last was looked at next, 0.0 = none gave it after the event.

    Between both looks it may have told a resolver of the site once more.
    """
    last = max(_sightings(notes, WEB, site, of_resolver=False), default=None)
    if last is None:
        return 0.0
    later = (one.when for one in notes.answers if (one.server, one.name) == (last.server, WEB) and one.when > last.when)
    return min(later, default=last.when) - notes.begun


def _sightings(notes: Notes, name: str, site: str, *, of_resolver: bool) -> Iterable[Answer]:
    """The answers with that site between the event and its repair."""
    return (
        answer
        for answer in notes.answers
        if answer.name == name
        and site in answer.sites
        and (answer.server == "resolver") == of_resolver
        and notes.after_event(answer)
    )


def _gap(looks: Sequence[Primaries]) -> float:
    """The longest time without any primary."""
    gaps = merged((Run(look.when, look.when, "+".join(look.sites)) for look in looks), float("inf"))
    return max((run.until - run.since for run in gaps if not run.what), default=0.0)


def _pause(rows: Sequence[Write], notes: Notes) -> float:
    """The longest time between two commits, of those around the event; since the event where there is none."""
    moments = [row.ended for row in rows if not row.fault and notes.begun - 5 < row.ended <= notes.mended]
    moments = moments or [notes.begun]
    return max((two - one for one, two in pairwise([*moments, notes.mended])), default=0.0)


def _acknowledged(notes: Notes) -> dict[str, set[int]]:
    return {site: {row.number for row in rows if not row.fault} for site, rows in notes.writes.items()}


def _values(scenario: Scenario, promised: Times, notes: Notes) -> tuple[list[str], list[str]]:
    """What the agent has been told that it was taken, and is not in the database: explained, and not.

    A Zabbix server writes what it has taken about a second later. Where it ends, or finds no database for so long that
    it gives up its role, what it had not written is gone, and it has told the agent otherwise.
    """
    explained: list[str] = []
    unexplained: list[str] = []
    doomed, active = _doomed(scenario, promised, notes), _active(notes)
    missing = [value for value in notes.values if value.number not in notes.stored]
    for value in missing:
        text = f"value {value.number}, taken by {value.site}'s server {_moment(value.taken - notes.begun)}"
        known = doomed and value.site == active and doomed[0] <= value.taken <= doomed[1]
        (explained if known else unexplained).append(text)
    beyond = notes.beats.unexplained(doomed)
    for when in notes.beats.missing:
        text = f"a beat of the agent, taken {_moment(when - notes.begun)}"
        (unexplained if when in beyond else explained).append(text)
    end = "died" if active == scenario.loses else "gave up its role"
    return [f"{text}, and not written before it {end}" for text in explained], unexplained


def _doomed(scenario: Scenario, promised: Times, notes: Notes) -> tuple[float, float] | None:
    """The time whose values the active server forgets: it dies with the event, or finds no database from then on.

    One that gives up its role takes nothing for a while, so the agent must have waited after that.
    """
    active, begun = _active(notes), notes.begun
    if active and active == scenario.loses:
        return begun - UNWRITTEN, begun
    if active and active == scenario.serves and scenario.fails:
        given_up = begun + times.TAKEOVER[promised.profile]
        if any(value.taken - value.tried >= PATIENCE and begun < value.tried <= given_up for value in notes.values):
            return begun - UNWRITTEN, given_up
    return None


def _moment(when: float) -> str:
    return f"{abs(when):.1f} s {'before' if when < 0 else 'after'} the event"


def _lanes(notes: Notes) -> dict[str, list[Run]]:
    """Who served whom, from the top of the picture to its bottom."""
    begun, names = notes.begun, [site.name for site in CENTRES]
    visits = (Run(one.begun - begun, one.ended - begun, "failed" if one.fault else one.site) for one in notes.visits)
    values = (
        Run(one.tried - begun, one.taken - begun, one.site if one.taken - one.tried < PATIENCE else "waited")
        for one in notes.values
    )
    lanes = {"user": merged(visits, 1), "agent": merged(values, 2), "primary": _primaries(notes)}
    for server in names:
        for site in names:
            lanes[f"{server}'s answers: {site}"] = _led(notes, [server], WEB, site)
    lanes["resolver's answers"] = [run for site in names for run in _led(notes, ["resolver"], WEB, site)]
    lanes["zabbix-db"] = [run for site in names for run in _led(notes, names, DATABASE, site)]
    return lanes


def _led(notes: Notes, servers: Sequence[str], name: str, site: str) -> list[Run]:
    """When any of these servers led to a site."""
    found = [one for one in notes.answers if one.server in servers and one.name == name and site in one.sites]
    return merged((Run(one.when - notes.begun, one.when - notes.begun, site) for one in found), _MIXED)


def _primaries(notes: Notes) -> list[Run]:
    spans = [
        Run(one.when - notes.begun, two.when - notes.begun, "+".join(one.sites) or "nobody")
        for one, two in pairwise(notes.looks)
    ]
    return merged(spans, 0.1)
