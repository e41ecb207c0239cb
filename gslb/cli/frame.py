"""One picture of `gslb top`: lines of text for a screen of a given size. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gslb.cli.output import clock, columns, lasting

Json = Mapping[str, Any]

_LEAST = 2  # rows that a part gets before another gets more


class Part(NamedTuple):
    """A heading and its rows, the most important first."""

    heading: str
    rows: Sequence[str]


class Line(NamedTuple):
    """A line and how it looks: "", "heading", "good", "bad" or "odd"."""

    text: str
    look: str = ""


def frame(facts: Json, width: int, height: int) -> list[Line]:
    """At most `height` lines of at most `width` characters; a heading says how many rows it does not show."""
    head = _head(facts)
    parts = [part for part in (_sites(facts), _intents(facts), _pools(facts), _events(facts)) if part.rows]
    room = allotted([len(part.rows) for part in parts], height - len(head) - 2 * len(parts))
    lines = list(head)
    for part, rows in zip(parts, room, strict=True):
        hidden = len(part.rows) - rows
        more = f"  ({hidden} more not shown)" if hidden else ""
        lines += [Line(""), Line(f"{part.heading}{more}", "heading"), *map(_looked, part.rows[:rows])]
    return [line._replace(text=_cut(line.text, width)) for line in lines[:height]]


def allotted(wanted: Sequence[int], room: int) -> list[int]:
    """How many rows each part gets: a few first, then in turn until there is no room or nothing is wanted."""
    given = [0] * len(wanted)
    for most in (_LEAST, max(wanted, default=0)):
        for at, rows in enumerate(wanted):
            take = max(min(rows, most) - given[at], 0)
            given[at] += min(take, max(room, 0))
            room -= min(take, max(room, 0))
    return given


def _head(facts: Json) -> list[Line]:
    node, store = facts["node"], facts["store"]
    serving = "serving" if facts["serving"] else "NOT SERVING"
    notes = [serving, *([] if facts["fresh"] else ["not fresh"]), *(["WITHDRAWN"] if facts["withdrawn"] else [])]
    state = f"LOST, belief follows {store['belief']}" if store["lost"] else "answers"
    look = "good" if facts["serving"] and facts["fresh"] and not store["lost"] else "bad"
    first = f"gslb top  {node['name']} at {node['site']}  {', '.join(notes)}  {clock(facts['at'])}"
    alarms = [Line(f"ALARM: {alarm}", "bad") for alarm in store["alarms"][:2]]
    return [
        Line(first, look),
        Line(f"{_rate(facts['queries'])} queries/s   store {store['kind']} {state}   q ends"),
        *alarms,
    ]


def _sites(facts: Json) -> Part:
    rows = [
        (
            one["name"],
            f"{_rate(one['answers'])}/s",
            "" if one["share"] is None else f"{one['share']:.0%}",
            "#" * round(20 * (one["share"] or 0)),
            f"{one['live']} of {one['members']} live",
        )
        for one in facts["sites"]
        if one["members"] or one["answers"]
    ]
    if facts["elsewhere"]:
        rows.append(("no site, or several", f"{_rate(facts['elsewhere'])}/s", "", "", ""))
    return Part("ANSWERS BY SITE", columns(rows) if rows else [])


def _intents(facts: Json) -> Part:
    now, rows = facts["at"], []
    for kind, word in (("drains", "drain"), ("holds", "hold"), ("forces", "force")):
        for one in facts[kind]:
            part = f" {one['percent']} %" if one.get("percent", 100) < 100 else ""
            to = "" if "up" not in one else " up" if one["up"] else " down"
            rows.append((f"{word}{part}{to}", one["target"], _left(one, now), one["owner"], one["reason"]))
    return Part("DRAINS, HOLDS, FORCES", columns(rows) if rows else [])


def _left(one: Json, now: float) -> str:
    if one["state"] == "scheduled":
        return f"in {lasting(one['starts'] - now)}"
    return "until cancelled" if one["expires"] is None else f"{lasting(one['expires'] - now)} left"


def _pools(facts: Json) -> Part:
    """Those that are worst off first."""
    worst = sorted(facts["pools"], key=lambda pool: (pool["live"] - len(pool["members"]), pool["live"], pool["name"]))
    rows = [(pool["name"], f"{pool['live']} of {len(pool['members'])}", _members(pool)) for pool in worst]
    return Part("POOLS", columns(rows) if rows else [])


def _members(pool: Json) -> str:
    out = [one for one in pool["members"] if one["state"] != "up"]
    said = [f"{one['name']} {one['state']}{': ' + one['why'] if one['why'] else ''}" for one in out]
    if not pool["live"]:
        said.insert(0, f"ALL DOWN ({pool['all_down']})")
    return "; ".join(said) or "all up"


def _events(facts: Json) -> Part:
    rows = [
        (
            clock(one["at"]),
            f"{one['pool']}/{one['member']}",
            one["what"],
            f"{one['before']} -> {one['after']}",
            one["cause"],
        )
        for one in facts["events"]
    ]
    return Part("LAST EVENTS", columns(rows) if rows else [])


def _looked(text: str) -> Line:
    bad = any(word in text for word in ("ALL DOWN", "-> down", " down:"))
    return Line(
        text, "bad" if bad else "odd" if " drained" in text or text.startswith(("drain", "hold", "force")) else ""
    )


def _rate(rate: float | None) -> str:
    return "?" if rate is None else f"{rate:,.0f}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
