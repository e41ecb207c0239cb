"""What operators are told of: facts that hold at a moment, and what begins and ends between two moments. Pure.

site_down       site_up                 no member at a site answers that should, by what monitors say
pool_down       pool_up                 a pool has no live member: it fails open, or serves nothing
drain_started   drain_expired,          so too for hold and force; drain_ending is told before the first two
                drain_cancelled
override                                an intent was kept although the safety rule was against it
quorum_lost     quorum_back             votes decide nothing for some targets; the store, the own prober: likewise
config_rejected config_accepted         a reload was refused, and what was served before is served still
certificate_expiring certificate_renewed
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from gslb.config.model import Config
from gslb.health.states import Belief, States, TargetKey
from gslb.intents import Force, Intent

Severity = Literal["critical", "warning", "info"]

ENDING: Final = 600.0  # seconds before its end when an intent is said to end soon
_SHORT: Final = 0.25  # of its time, where that is less
_URGENT: Final = 3.0  # days that a certificate has left
_SLACK: Final = 1.0  # seconds between the end of an intent and the store's taking it away
_EVENTS: Final = {  # kind of a fact -> event of its beginning, of its end
    "site": ("site_down", "site_up"),
    "pool": ("pool_down", "pool_up"),
    "ending": ("{}_ending", ""),
    "override": ("override", ""),
    "quorum": ("quorum_lost", "quorum_back"),
    "store": ("store_lost", "store_back"),
    "blind": ("prober_blind", "prober_sees"),
    "config": ("config_rejected", "config_accepted"),
    "certificate": ("certificate_expiring", "certificate_renewed"),
}
_NONE: Final[Mapping[TargetKey, Any]] = MappingProxyType({})


class Key(NamedTuple):
    """Which fact: its kind, and what it is about (site/tokyo, the id of a drain)."""

    kind: str
    subject: str


class Fact(NamedTuple):
    """Something that holds, and is told once when it begins (again, where it has another `edition`) and when it ends.

    `group` is what sinks choose by; `over` is said at the end; `own`: it is of this node alone.
    """

    key: Key
    group: str
    severity: Severity
    text: str
    over: str = ""
    edition: str = ""
    own: bool = False


class Notice(NamedTuple):
    """One thing to tell. `firing`: the fact holds from now on; otherwise it has ended, or was of a moment."""

    event: str
    fact: Fact
    firing: bool
    text: str
    at: float


class Moment(NamedTuple):
    """What is known at `now` (epoch seconds). `days` are those left to certificates; `follows` says what belief follows
    while the store is `lost`; `blind` why the own prober sees nothing; `problems` why the last reload was refused."""

    now: float
    config: Config
    states: States
    intents: tuple[Intent, ...] = ()
    belief: Belief = _NONE
    days: Mapping[TargetKey, float] = _NONE
    lost: bool = False
    follows: str = ""
    blind: str = ""
    problems: tuple[str, ...] = ()


Facts = Mapping[Key, Fact]


def facts_of_health(moment: Moment, former: Facts) -> dict[Key, Fact]:
    """What holds of sites and pools, which depends on the states alone. `former` is what held before: a site is not up
    again before somebody has seen it so."""
    return {fact.key: fact for part in (_sites(moment, former), _pools(moment)) for fact in part}


def other_facts(moment: Moment) -> dict[Key, Fact]:
    """All else that holds."""
    parts = (_intents(moment), _votes(moment), _config(moment), _days(moment))
    return {fact.key: fact for part in parts for fact in part}


def notices(former: Facts, moment: Moment, present: Facts) -> list[Notice]:
    """What is to be told of the way from `former` to what is `present` at that moment."""
    found = []
    for key, fact in present.items():
        if key not in former or former[key].edition != fact.edition:
            found.append(Notice(_event(fact, 0), fact, True, fact.text, moment.now))
    for key, fact in former.items():
        if key not in present and _event(fact, 1):
            found.append(_farewell(fact, moment))
    return found


def _event(fact: Fact, end: int) -> str:
    kind, _ = fact.key
    return _EVENTS[kind][end].format(fact.group) if kind in _EVENTS else f"{kind}_{('started', 'ended')[end]}"


def _farewell(fact: Fact, moment: Moment) -> Notice:
    """The end of a fact; of an intent, by the clock or by an operator."""
    if fact.key.kind in _EVENTS:
        return Notice(_event(fact, 1), fact, False, fact.over, moment.now)
    intent = next((one for one in moment.intents if one.id == fact.key.subject), None)
    end = float("inf") if intent is None or intent.expires is None else intent.expires
    removed = moment.now if intent is None or intent.removed is None else intent.removed
    how = "expired" if removed >= end - _SLACK else "cancelled"
    return Notice(f"{fact.key.kind}_{how}", fact, False, f"{fact.over} {how}", moment.now)


def _sites(moment: Moment, former: Facts) -> Iterator[Fact]:
    seen: dict[str, set[str]] = {}
    members: dict[str, int] = {}
    for pool, states in moment.states.items():
        if pool in moment.config.pools and moment.config.pools[pool].monitors.of:
            for member in states.values():
                seen.setdefault(member.site, set()).update(address.observed for address in member.addresses)
                members[member.site] = members.get(member.site, 0) + 1
    for site, verdicts in seen.items():
        key = Key("site", f"site/{site}")
        if verdicts == {"down"} or (key in former and "up" not in verdicts):
            text = f"site {site} is down: none of its {members[site]} members answers"
            yield Fact(key, "site", "critical", text, f"site {site} is up again")


def _pools(moment: Moment) -> Iterator[Fact]:
    for name, members in moment.states.items():
        pool = moment.config.pools.get(name)
        if pool is None or any(member.live for member in members.values()):
            continue
        if any(address.effective == "unknown" for member in members.values() for address in member.addresses):
            continue
        what = "it serves nothing" if pool.all_down.mode == "nodata" else f"it fails open ({pool.all_down.mode})"
        text = f"pool {name} has no live member: {what}"
        yield Fact(Key("pool", f"pool/{name}"), "pool", "critical", text, f"pool {name} has a live member again")


def _intents(moment: Moment) -> Iterator[Fact]:
    for one in moment.intents:
        if not one.active(moment.now):
            continue
        what = f"{one.kind} {one.id} of {one.target}"
        why = f"{one.reason} (by {one.owner or 'somebody'})"
        until = "until it is cancelled" if one.expires is None else f"until {clock(one.expires)}"
        means = (" as up" if one.up else " as down") if isinstance(one, Force) else ""
        text = f"{what}{means} has begun, {until}: {why}"
        yield Fact(Key(one.kind, one.id), one.kind, "info", text, what, own=one.local)
        if one.overrides:
            text = f"{what}{means} was made although the safety rule is against it: {why}"
            yield Fact(Key("override", one.id), "override", "warning", text, own=one.local)
        if one.expires is not None and one.expires - moment.now < min(ENDING, _SHORT * (one.expires - one.starts)):
            text = f"{what}{means} ends at {clock(one.expires)}, unless it is extended: {why}"
            yield Fact(Key("ending", one.id), one.kind, "info", text, edition=f"{one.expires:.0f}", own=one.local)


def _votes(moment: Moment) -> Iterator[Fact]:
    undecided = sum(seen.no_quorum for seen in moment.belief.values())
    if undecided:
        text = f"too few votes on {undecided} of {len(moment.belief)} targets: what was believed of them before is kept"
        yield Fact(Key("quorum", "votes"), "quorum", "critical", text, "there are votes enough on every target again")
    node = moment.config.node.name
    if moment.lost:
        text = f"node {node} cannot reach the store; its belief follows {moment.follows}"
        yield Fact(Key("store", node), "quorum", "critical", text, f"node {node} reaches the store again", own=True)
    if moment.blind:
        text = f"the prober of node {node} is blind, its votes are withdrawn: {moment.blind}"
        yield Fact(Key("blind", node), "quorum", "warning", text, f"the prober of node {node} sees again", own=True)


def _config(moment: Moment) -> Iterator[Fact]:
    if moment.problems:
        node = moment.config.node.name
        more = f" (and {len(moment.problems) - 1} more)" if len(moment.problems) > 1 else ""
        text = f"node {node} refused its new configuration, the one before is served: {moment.problems[0]}{more}"
        over = f"node {node} has taken a new configuration"
        edition = "\n".join(moment.problems)
        yield Fact(Key("config", node), "config", "warning", text, over, edition, own=True)


def _days(moment: Moment) -> Iterator[Fact]:
    few: dict[str, list[tuple[float, str]]] = {}
    for key, days in moment.days.items():
        monitor = moment.config.monitors.get(key.monitor)
        if monitor is not None and days < monitor.warn_days:
            few.setdefault(key.monitor, []).append((days, key.address))
    for name, found in few.items():
        days, address = min(found)
        more = f", and {len(found) - 1} more targets" if len(found) > 1 else ""
        when = f"ends in {days:.1f} days" if days > 0 else "has ended"
        text = f"the certificate of {address} (monitor {name}) {when}{more}"
        over = f"no certificate that monitor {name} sees ends soon"
        urgent: Severity = "critical" if days < _URGENT else "warning"
        yield Fact(Key("certificate", f"monitor/{name}"), "certificate", urgent, text, over, urgent)


def clock(at: float) -> str:
    """A moment as people everywhere read it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
