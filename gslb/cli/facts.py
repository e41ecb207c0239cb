"""What `gslb top` shows, as plain values: a look at the node, and how fast things went since the look before."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gslb.cli.client import Client

Json = dict[str, Any]

_ANSWERS = re.compile(r"gslb_answers_total\{(?P<labels>.*)\} (?P<count>[0-9.e+]+)")
_SITE = re.compile(r'(?:^|,)site="((?:[^"\\]|\\.)*)"')
_EVENTS = 20


class Look(NamedTuple):
    """What a node says at one moment: `at` is epoch seconds, `answers` counts those of each site since the start."""

    at: float
    status: Json
    events: Sequence[Json]
    answers: Mapping[str, float]


def look(client: Client, at: float) -> Look:
    """Ask the node. Raises as Client.call does."""
    status = client.get("/api/v1/status")
    events = client.get("/api/v1/events", limit=str(_EVENTS))["events"]
    return Look(at, status, events, answers_by_site(client.text("/metrics")))


def answers_by_site(metrics: str) -> dict[str, float]:
    """How often each site was answered with, of the text of /metrics; "" where answers are of several sites or none."""
    found: dict[str, float] = {}
    for match in _ANSWERS.finditer(metrics):
        site = _SITE.search(match["labels"])
        name = site[1] if site else ""
        found[name] = found.get(name, 0.0) + float(match["count"])
    return found


def document(before: Look, now: Look) -> Json:
    """The facts of one interval; rates are per second, null where they cannot be known (a worker was replaced)."""
    seconds = now.at - before.at
    rates = {site: _rate(count - before.answers.get(site, 0.0), seconds) for site, count in now.answers.items()}
    total = sum(rate or 0.0 for rate in rates.values())
    return {
        "at": now.at,
        "node": now.status["node"],
        "serving": now.status["serving"],
        "fresh": now.status["fresh"],
        "withdrawn": now.status["withdrawn"],
        "store": now.status["store"],
        "queries": _rate(_queries(now.status) - _queries(before.status), seconds),
        "sites": [_site(one, rates.get(one["name"], 0.0), total) for one in now.status["sites"]],
        "elsewhere": rates.get("", 0.0),
        "pools": [_pool(one) for one in now.status["pools"]],
        **{kind: now.status[kind] for kind in ("drains", "holds", "forces")},
        "events": list(now.events),
    }


def _rate(count: float, seconds: float) -> float | None:
    return round(count / seconds, 1) if count >= 0 and seconds > 0 else None


def _queries(status: Json) -> int:
    return sum(one["counters"][name] for one in status["workers"] for name in ("udp_queries", "tcp_queries"))


def _site(one: Json, rate: float | None, total: float) -> Json:
    share = None if rate is None or not total else round(rate / total, 4)
    return {"name": one["name"], "live": one["live"], "members": one["members"], "answers": rate, "share": share}


def _pool(one: Json) -> Json:
    members = [_member(member) for member in one["members"]]
    return {"name": one["name"], "live": one["live"], "all_down": one["all_down"], "members": members}


def _member(one: Json) -> Json:
    """A member in a word, with why it is not served."""
    out = [address for address in one["addresses"] if address["effective"] != "up"]
    state = "forced down" if one["forced_down"] else "drained" if one["drain"] and one["percent"] == 100 else ""
    why = "" if state or one["live"] or not out else out[0]["reason"]
    state = state or ("up" if one["live"] else "down")
    return {"name": one["name"], "site": one["site"], "live": one["live"], "state": state, "why": why}
