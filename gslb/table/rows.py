"""Which row of counters is whose: the first for what is refused, one for each zone, then one for each dynamic name.

Names beyond MOST_NAMES are counted with their zone: neither memory nor the page of metrics may grow with them.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from gslb.dns.name import to_text
from gslb.policy.columns import EACH, FIRST, SITE_TYPES, TYPES, width
from gslb.table.entries import Base, ByRules, Chain

MOST_NAMES: Final = 10_000
OTHER: Final = "other"  # zone: what was refused; name: those beyond MOST_NAMES

Rows = list[list[int]]


class Place(NamedTuple):
    """A cell of the counters: the type that was asked for, and the site that answered, empty where it was none."""

    type: str
    site: str
    chosen: bool  # whether a pool was asked for the answer


class Labels(NamedTuple):
    """What the rows and columns of a base's counters stand for: (zone, name) of each row, name empty for zones."""

    rows: tuple[tuple[str, str], ...]
    columns: tuple[Place, ...]


def number_rows(base: Base) -> None:
    """Give every zone and name its row, in the order in which they stand in the base."""
    for row, zone in enumerate(base.zones, 1):
        zone.row = row
    row = first = len(base.zones) + 1
    for entry in base.names.values():
        entry.row = entry.zone.row
        if row < first + MOST_NAMES and any(type(node) in (Chain, ByRules) for node in entry.types.values()):
            entry.row = row
            row += 1
    base.rows = row


def zeroed(base: Base) -> Rows:
    """Counters for a worker."""
    columns = width(len(base.settings.sites))
    return [[0] * columns for _ in range(base.rows)]


def ignored(base: Base) -> Rows:
    """Counters that nobody reads: all rows are one."""
    return [[0] * width(len(base.settings.sites))] * base.rows


def labels_of(base: Base) -> Labels:
    """The labels of a base's counters."""
    rows = [(OTHER, "")] + [(to_text(zone.apex), "") for zone in base.zones]
    own: Iterable[tuple[bytes, int, bytes]] = (
        (owner, entry.row, entry.zone.apex) for owner, entry in base.names.items() if entry.row > len(base.zones)
    )
    rows += [(to_text(apex), to_text(owner)) for owner, _, apex in own]
    columns = [Place(rtype, "", chosen=False) for rtype in TYPES]
    columns += [Place(rtype, site, chosen=True) for site in ("", *base.settings.sites) for rtype in SITE_TYPES]
    assert len(columns) == FIRST + EACH * (len(base.settings.sites) + 1)
    return Labels(tuple(rows), tuple(columns))
