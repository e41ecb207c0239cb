"""The families of /metrics that grow with pools and members, as text: as objects they would cost ten times as much."""

from collections.abc import Iterable, Mapping
from typing import Final

from gslb.api.families import escaped
from gslb.config.model import Pool
from gslb.health.record import Row
from gslb.health.states import States

_VERDICTS: Final = ("up", "down", "unknown")
_FIGURES: Final = {
    "availability": "MTBF / (MTBF + MTTR) of a {}, as observed.",
    "mtbf_seconds": "Mean time between failures of a {}, as observed; left out where it never failed.",
    "mttr_seconds": "Mean time to recovery of a {}, as observed; left out where it never failed.",
}


def written(states: States, pools: Mapping[str, Pool], rows: Iterable[Row]) -> str:
    """All of them, in the text format. `states` are those of the pools, `rows` what the history added up to."""
    return pool_lines(states, pools) + member_lines(states) + history_lines(rows)


def pool_lines(states: States, pools: Mapping[str, Pool]) -> str:
    """Whether enough members of each pool live, and whether more than one may."""
    healthy, below, exclusive = [], [], []
    for pool, members in states.items():
        lives = sum(member.live for member in members.values())
        wanted = pools[pool].min_up.of(len(members))
        place = f'{{pool="{escaped(pool)}"}}'
        healthy.append(f"gslb_pool_healthy{place} {lives >= wanted:d}\n")
        below.append(f"gslb_pool_below_min_up{place} {0 < lives < wanted:d}\n")
        exclusive.append(f"gslb_pool_exclusive{place} {pools[pool].exclusive:d}\n")
    heads = (
        ("pool_healthy", "1 while at least min_up members live."),
        ("pool_below_min_up", "1 while members live, but fewer than min_up."),
        ("pool_exclusive", "1 where one member at a time works, and the others are down because they stand by."),
    )
    return _families(heads, (healthy, below, exclusive))


def member_lines(states: States) -> str:
    """Whether each member lives or is drained, and what each of its addresses is."""
    live, drained, addresses = [], [], []
    for pool, members in states.items():
        for member in members.values():
            place = f'pool="{escaped(pool)}",member="{escaped(member.member)}"'
            site = f'{place},site="{escaped(member.site)}"'
            live.append(f"gslb_member_live{{{site}}} {member.live:d}\n")
            drained.append(f"gslb_member_drained{{{site}}} {bool(member.drain):d}\n")
            for address in member.addresses:
                there = f'gslb_address_state{{{place},address="{address.address}",state='
                addresses += [f'{there}"{state}"}} {address.effective == state:d}\n' for state in _VERDICTS]
    heads = (
        ("member_live", "1 while an address of the member is served."),
        ("member_drained", "1 while a drain covers the member."),
        ("address_state", "1 for the state that an address is served by."),
    )
    return _families(heads, (live, drained, addresses))


def _families(heads: Iterable[tuple[str, str]], samples: Iterable[list[str]]) -> str:
    lines: list[str] = []
    for (name, text), those in zip(heads, samples, strict=True):
        lines += [f"# HELP gslb_{name} {text}\n# TYPE gslb_{name} gauge\n", *those]
    return "".join(lines)


def history_lines(rows: Iterable[Row]) -> str:
    """Availability, MTBF and MTTR of members, pools and sites over each span, as observed; only what is known.

    What never failed within a span has an availability alone, so that quiet members cost no more than that.
    """
    families = {
        f"{by}_{name}": [f"# HELP gslb_{by}_{name} {text.format(by)}\n# TYPE gslb_{by}_{name} gauge\n"]
        for by in ("member", "pool", "site")
        for name, text in _FIGURES.items()
    }
    at: tuple[str, ...] = ()
    place = ""
    for row in rows:
        if row[:4] != at:  # the spans of a member follow each other
            at, place = row[:4], _place(row)
        seen = row.observed
        figures = (seen.availability, seen.mtbf, seen.mttr) if seen.failures else (seen.availability,)
        for name, value in zip(_FIGURES, figures, strict=False):
            if value is not None:
                families[f"{row.by}_{name}"].append(f'gslb_{row.by}_{name}{{{place},span="{row.span}"}} {value}\n')
    return "".join(line for lines in families.values() for line in lines)


def _place(row: Row) -> str:
    if row.by == "pool":
        return f'pool="{escaped(row.pool)}"'
    site = f'site="{escaped(row.site)}"'
    return site if row.by == "site" else f'pool="{escaped(row.pool)}",member="{escaped(row.member)}",{site}'
