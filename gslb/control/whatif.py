"""What if: inputs changed as somebody assumes, and everything after them as always. Pure; nothing is published."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from gslb.config.model import Config
from gslb.control.evidence import moment as clock
from gslb.control.explain import Question, explain
from gslb.control.line import Line, Plan, Served
from gslb.control.targets import covered, require_known
from gslb.errors import RequestError
from gslb.health.judging import Inputs
from gslb.health.memory import Memory
from gslb.health.states import UNKNOWN, Belief, Observation, TargetKey
from gslb.intents import Drain, Force, Hold, Target
from gslb.table.entries import Table
from gslb.table.leaves import LastGood

Json = dict[str, Any]
Kind = Literal["observe", "drain", "undrain", "hold", "force"]

FARTHEST: Final = 7 * 86_400.0  # seconds ahead
_MOST_STEPS: Final = 1000  # moments at which states change by themselves, on the way to a later one
_LASTS: Final = 10 * 365 * 86_400.0  # seconds: longer than anybody looks ahead
_FORMS: Final = "site/tokyo=down, drain=site/osaka, drain=site/osaka=30%, undrain=..., hold=..., force=member/web/x=up"
_TEXT: Final = re.compile(r"(?:(drain|undrain|hold|force)=)?([^=]+)(?:=(up|down|(\d{1,3})%))?")


class Assumption(NamedTuple):
    """One thing to assume of a target: that its probes find it up or down, or that an operator asked for something."""

    kind: Kind
    target: Target
    up: bool = False
    percent: int = 100

    @classmethod
    def parse(cls, text: str) -> "Assumption":
        """Read one. Raises RequestError that shows the forms."""
        found = _TEXT.fullmatch(text)
        verb, target, value, percent = found.groups() if found else (None, "", None, None)
        part = int(percent or 100)
        right = {"drain": value is None or percent, "force": value in ("up", "down"), None: value in ("up", "down")}
        if not found or not right.get(verb, value is None) or not 0 < part <= 100:
            raise RequestError(f"{text!r} is no assumption such as {_FORMS}", pointer="/if")
        return cls(cast(Kind, verb or "observe"), Target.parse(target), value == "up", part)

    def __str__(self) -> str:
        match self.kind:
            case "observe":
                return f"probes find {self.target} {'up' if self.up else 'down'}"
            case "drain":
                return f"{self.target} is drained" + (f" for {self.percent} %" if self.percent < 100 else "")
            case "undrain":
                return f"{self.target} is not drained"
            case "hold":
                return f"{self.target} is held"
        return f"{self.target} is forced {'up' if self.up else 'down'}"


class Moment(NamedTuple):
    """Everything that answers are made of at `now`, and what is served."""

    plan: Plan
    inputs: Inputs
    memory: Memory
    last_good: LastGood
    served: Served
    now: float


def explain_if(moment: Moment, question: Question, assumed: Sequence[Assumption], at: float | None = None) -> Json:
    """As gslb.control.explain, under assumptions, at a later moment; `assumed` and `differs` say what is another.

    Raises NotFoundError (no such target), RequestError (a moment that has passed, or is too far away).
    """
    when = moment.now if at is None else at
    if not moment.now - 1 <= when <= moment.now + FARTHEST:
        raise RequestError("the moment must lie ahead, at most 7 days", pointer="/at")
    view = explain(assume(moment, assumed, when), question, when)
    present = explain(moment.served, question, moment.now)
    told = [str(one) for one in assumed]
    if at is not None:
        told.append(f"it is {clock(when)}")
    notes = list(_unprobed(moment.plan.config, assumed))
    view |= {"assumed": told, "notes": notes, "differs": list(differs(present, view))}
    text = [f"assumed: {one}" for one in told] + [f"  note: {note}" for note in notes] + [view.pop("text")]
    text += ["different from now:", *(f"  {one}" for one in view["differs"] or ["nothing"])]
    return {**view, "text": "\n".join(text)}


def assume(moment: Moment, assumed: Sequence[Assumption], at: float) -> Served:
    """What would be served at `at`. States that change with time do so at each of their moments on the way."""
    config, base = moment.plan
    for one in assumed:
        require_known(one.target, config)
    inputs = changed(config, moment.inputs, assumed, moment.now)
    line = Line(moment.plan, moment.memory)
    outcome = line.judge(inputs, min(moment.now, at))
    for _ in range(_MOST_STEPS):
        if outcome.change_at is None or outcome.change_at > at:
            break
        outcome = line.judge(inputs, outcome.change_at)
    outcome = line.judge(inputs, at)
    loads = moment.served.loads
    table = Table(base, line.compile(outcome.states, moment.last_good, loads))
    return moment.served._replace(config=config, table=table, states=outcome.states, belief=inputs.belief)


def changed(config: Config, inputs: Inputs, assumed: Iterable[Assumption], now: float) -> Inputs:
    """The inputs as they would be. What is assumed of a site, a pool or a member holds for every target of it, and for
    whoever else has the same monitor ask the same address."""
    for number, one in enumerate(assumed, 1):
        intent = (f"assumed-{number}", one.target, "assumed", "", now, now + _LASTS)
        match one.kind:
            case "observe":
                seen = {
                    key: Observation("up" if one.up else "down", now, "assumed") for key in _keys(config, one.target)
                }
                inputs = inputs._replace(belief=_with(inputs.belief, seen), local=_with(inputs.local, seen))
            case "drain":
                inputs = inputs._replace(drains=[*inputs.drains, Drain(*intent, percent=one.percent)])
            case "undrain":
                inputs = inputs._replace(drains=[drain for drain in inputs.drains if drain.target != one.target])
            case "hold":
                inputs = inputs._replace(holds=[*inputs.holds, Hold(*intent)])
            case "force":
                inputs = inputs._replace(forces=[*inputs.forces, Force(*intent, up=one.up)])
    return inputs


def _with(belief: Belief, seen: Belief) -> Belief:
    """What is believed with what is assumed; what was so already stays as it is."""
    others = {key: one for key, one in seen.items() if belief.get(key, UNKNOWN).verdict != one.verdict}
    return {**belief, **others}


def _keys(config: Config, target: Target) -> Iterator[TargetKey]:
    for pool_name, name in covered(target, config):
        pool = config.pools[pool_name]
        member = next(member for member in pool.members if member.name == name)
        yield from (TargetKey(monitor, address) for monitor in pool.monitors.of for address in member.probed)


def _unprobed(config: Config, assumed: Iterable[Assumption]) -> Iterator[str]:
    for one in assumed:
        if one.kind == "observe":
            pools = {pool for pool, _ in covered(one.target, config) if not config.pools[pool].monitors.of}
            yield from (f"pool {pool} has no monitors: nobody would notice" for pool in sorted(pools))


def differs(present: Json, view: Json) -> Iterator[str]:
    """What an explanation says otherwise than that of the present, line by line."""
    for key, what in (("rcode", "response"), ("ttl", "TTL"), ("scope", "ECS scope")):
        if present[key] != view[key]:
            yield f"{what}: {present[key]} -> {view[key]}"
    former, other = present["rule"], view["rule"]
    if former != other:
        yield f"rule: {former and former['match']} -> {other and other['match']}"
    before = {pool["name"]: pool for pool in present["pools"]}
    for pool in view["pools"]:
        was = before.get(pool["name"])
        if was is None:
            yield f"pool {pool['name']}: {pool['outcome']}"
            continue
        if was["outcome"] != pool["outcome"]:
            yield f"pool {pool['name']}: {was['outcome']} -> {pool['outcome']} ({pool['why']})"
        yield from _members(was, pool)


def _members(before: Json, pool: Json) -> Iterator[str]:
    for was, one in zip(before["members"], pool["members"], strict=True):
        chance = "" if was["chance"] == one["chance"] else f"chance {was['chance']:.1%} -> {one['chance']:.1%}"
        states = [
            f"{new['address']} {old['effective']} -> {new['effective']} ({new['reason'] or 'as observed'})"
            for old, new in zip(was["addresses"], one["addresses"], strict=True)
            if old["effective"] != new["effective"]
        ]
        if chance or states:
            yield f"{pool['name']}/{one['name']} at {one['site']}: {'; '.join(filter(None, (chance, *states)))}"
