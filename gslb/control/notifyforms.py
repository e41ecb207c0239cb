"""Notices in the form that each kind of receiver takes: generic JSON, Slack, Alertmanager. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from gslb.control.notifyfacts import Fact, Notice, Severity

Json = Any

MOST_LINES: Final = 20  # of one message: the failure of a site may touch thousands of pools
LONGEST: Final = 400  # characters of a line
HOLDS: Final = 300.0  # seconds that Alertmanager is to believe what it is not told again
_WORST_FIRST: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
_MARKS: Final = {"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":information_source:"}


class Sender(NamedTuple):
    """Who tells: the node and its site."""

    node: str
    site: str


class Alert(NamedTuple):
    """A fact as Alertmanager keeps it: since when it holds, and until when where it has ended (epoch seconds)."""

    fact: Fact
    starts: float
    ended: float | None = None


def headline(told: Sequence[Notice]) -> str:
    """What happened, in one line: the worst first."""
    first = worst_first(told)[0]
    return _cut(first.text) if len(told) == 1 else f"{_cut(first.text)} (and {len(told) - 1} more)"


def worst_first(told: Sequence[Notice]) -> list[Notice]:
    """What fires before what has ended, and the worst of each first."""
    return sorted(told, key=lambda one: (not one.firing, _WORST_FIRST.index(one.fact.severity), one.at))


def least(told: Iterable[Notice], count: int) -> list[Notice]:
    """The ones to give up where there are too many: the least severe; before news of a site those of its pools; then
    the oldest."""
    ranked = sorted(told, key=lambda one: (-_WORST_FIRST.index(one.fact.severity), one.fact.key.kind == "site", one.at))
    return ranked[:count]


def generic(sender: Sender, told: Sequence[Notice], dropped: int) -> Json:
    """One JSON document. `key` names what a notice is about, whichever node sends it."""
    return {
        "version": 1,
        "node": sender.node,
        "site": sender.site,
        "text": headline(told),
        "notices": [
            {
                "event": one.event,
                "key": "/".join(one.fact.key),
                "firing": one.firing,
                "severity": one.fact.severity,
                "text": one.text,
                "at": stamp(one.at),
            }
            for one in worst_first(told)
        ],
        "dropped": dropped,
    }


def slack(sender: Sender, told: Sequence[Notice], dropped: int) -> Json:
    """A message for an incoming webhook. What people wrote cannot mention anybody, or make links."""
    ordered = worst_first(told)
    lines = [f"{_mark(one)} {_escaped(_cut(one.text))}" for one in ordered[:MOST_LINES]]
    if len(ordered) > MOST_LINES:
        lines.append(f"... and {len(ordered) - MOST_LINES} more")
    if dropped:
        lines.append(f"{dropped} notices before these were lost")
    return {"text": "\n".join([*lines, f"_gslb {_escaped(sender.node)}_"])}


FORMS: Final[Mapping[str, Callable[[Sender, Sequence[Notice], int], Json]]] = {"generic": generic, "slack": slack}


def alerts(sender: Sender, held: Sequence[Alert], now: float) -> Json:
    """The body of POST /api/v2/alerts. Equal labels are one alert there, whichever nodes send it."""
    return [
        {
            "labels": {
                "alertname": "Gslb" + one.fact.key.kind.capitalize(),
                "severity": one.fact.severity,
                "subject": one.fact.key.subject,
                **({"node": sender.node} if one.fact.own else {}),
            },
            "annotations": {"summary": _cut(one.fact.text)},
            "startsAt": stamp(one.starts),
            "endsAt": stamp(now + HOLDS if one.ended is None else one.ended),
        }
        for one in held
    ]


def stamp(at: float) -> str:
    """RFC 3339."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _mark(one: Notice) -> str:
    return _MARKS[one.fact.severity] if one.firing else ":large_green_circle:"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
