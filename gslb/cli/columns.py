"""What the lists of the API look like as tables: for each its filters, its columns, and how one item is named."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from gslb.cli.output import address_text, ago, lasting, when

Json = Mapping[str, Any]
Cell = Callable[[Json, float], str]


class Listing(NamedTuple):
    """A list at /api/v1/NAME: `name` of one item as it stands in its path, `filters` the options with their help.

    `columns`: what stands in each, of an item and the present time.
    """

    what: str
    name: tuple[str, ...]
    filters: Mapping[str, str]
    columns: Mapping[str, Cell]


def field(name: str) -> Cell:
    """A field as it is: numbers short, lists with commas, yes and no for flags, nothing for null."""
    return lambda one, _: plain(one[name])


def plain(value: Any) -> str:
    """A value of JSON as it stands in a cell."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(plain, value))
    return str(value)


def _left(one: Json, now: float) -> str:
    if one["state"] == "scheduled":
        return f"begins in {lasting(one['starts'] - now)}"
    if one["state"] != "active":
        return str(one["state"])
    return "until cancelled" if one["expires"] is None else lasting(one["expires"] - now)


def _addresses(one: Json, _: float) -> str:
    return ", ".join(f"{address_text(address)} {_verdict(address)}" for address in one["addresses"])


def _verdict(address: Json) -> str:
    """What is served, and what was observed where that is another."""
    observed, effective = str(address["observed"]), str(address["effective"])
    return effective if observed == effective else f"{effective} (observed {observed})"


def _pools_of_rules(one: Json, _: float) -> str:
    return ", ".join(dict.fromkeys(choice["pool"] for rule in one["rules"] for choice in rule["pools"]))


def _time(name: str) -> Cell:
    return lambda one, _: when(one[name])


def _intents(what: str, **more: Cell) -> Listing:
    columns = {
        "target": field("target"),
        **more,
        "left": _left,
        "until": _time("expires"),
        "owner": field("owner"),
        "reason": field("reason"),
        "id": field("id"),
    }
    return Listing(what, ("id",), {"target": "Of this target alone."}, columns)


def _live(one: Json, _: float) -> str:
    members = one["members"]
    return f"{one['live']} of {len(members) if isinstance(members, list) else members}"


def _votes(one: Json, _: float) -> str:
    return ", ".join(f"{vote['prober']} {vote['verdict']}" for vote in one["votes"])


def _since(one: Json, now: float) -> str:
    return ago(now - one["since"])


def _fields(*names: str, **others: Cell) -> dict[str, Cell]:
    return {**{name.replace("_", " "): field(name) for name in names}, **others}


LISTS: Mapping[str, Listing] = {
    "drains": _intents("what is drained, or is to be", percent=lambda one, _: f"{one['percent']} %"),
    "holds": _intents("what is held as it is, or is to be"),
    "forces": _intents("what is forced up or down, or is to be", to=lambda one, _: "up" if one["up"] else "down"),
    "sites": Listing(
        "the places where members are",
        ("name",),
        {"country": "In this country (ISO code)."},
        _fields("name", "country", live=_live, capacity=field("capacity"), pools=field("pools")),
    ),
    "pools": Listing(
        "the sets of members, and how many of them live",
        ("name",),
        {
            "site": "With members at this site.",
            "monitor": "Checked by this monitor.",
            "healthy": "true or false: has at least min_up live members.",
        },
        _fields("name", "policy", live=_live, needs=field("min_up"))
        | _fields("healthy", "all_down", "monitors", "members"),
    ),
    "members": Listing(
        "the members, and what is served of them",
        ("pool", "name"),
        {"pool": "Of this pool.", "site": "At this site.", "live": "true or false: is served."},
        _fields("pool", "name", "site", "weight", "share", "live", addresses=_addresses, drain=field("drain")),
    ),
    "names": Listing(
        "the names that are answered from pools",
        ("name",),
        {"zone": "Of this zone.", "pool": "Answered from this pool."},
        _fields("name", "zone", "ttl", "rto", pools=_pools_of_rules),
    ),
    "monitors": Listing(
        "the checks, and what they find",
        ("name",),
        {"type": "Of this type.", "pool": "Of this pool."},
        _fields("name", "type", "port", "interval", "detection", "up", "down", "unknown", "pools"),
    ),
    "probers": Listing(
        "who probes, and who is blind",
        ("name",),
        {"site": "At this site.", "blind": "true or false."},
        _fields("name", "site", "configured", "present", "votes", "blind"),
    ),
    "votes": Listing(
        "what is believed of each target, and who says so",
        ("monitor", "address"),
        {
            "monitor": "Of this monitor.",
            "address": "Of this address.",
            "site": "At this site.",
            "verdict": "up, down or unknown.",
            "quorum": "true or false: enough probers have a vote.",
        },
        _fields("monitor", "address", "site", "verdict", since=_since) | _fields("quorum", "reason", votes=_votes),
    ),
}

_HAPPENED = _fields("pool", "member", "address", "what", change=lambda one, _: f"{one['before']} -> {one['after']}")
EVENTS = Listing(
    "changes of health",
    ("id",),
    {"pool": "Of this pool.", "member": "Of members of this name.", "site": "Of this site."},
    {"time": _time("at"), **_HAPPENED, "cause": field("cause")},
)


def rows_of(listing: Listing, items: Iterable[Json], now: float) -> list[tuple[str, ...]]:
    """The cells of each item."""
    return [tuple(cell(one, now) for cell in listing.columns.values()) for one in items]
