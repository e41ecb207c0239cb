"""Where replies are counted."""

import dns.rdatatype
import pytest

from gslb.dns.message import AAAA, CNAME, HTTPS, SOA, SVCB, A
from gslb.policy.columns import COLUMN, FIRST, SITE_TYPES, TYPES, meant_for, shared, site_column, width
from gslb.policy.nodes import Answer, join


def test_types_and_numbers_go_together() -> None:
    assert {TYPES[column]: number for number, column in COLUMN.items()} == {
        name: dns.rdatatype.from_text(name) for name in TYPES[1:]
    }
    assert TYPES[0] == "other"


def test_every_site_has_columns_of_its_own() -> None:
    columns = [site_column(site, rtype) for site in (-1, 0, 1) for rtype in (A, AAAA, HTTPS, CNAME)]
    assert columns == list(range(FIRST, width(2)))
    assert site_column(0, SVCB) == site_column(0, CNAME) == site_column(0, A) + SITE_TYPES.index("other")


@pytest.mark.parametrize(
    ("column", "rtype", "found"),
    [
        (COLUMN[CNAME], A, COLUMN[A]),
        (COLUMN[CNAME], 4711, 0),
        (site_column(2, CNAME), AAAA, site_column(2, AAAA)),
        (site_column(-1, CNAME), SOA, site_column(-1, CNAME)),
    ],
)
def test_an_alias_is_counted_by_what_was_asked_for(column: int, rtype: int, found: int) -> None:
    assert meant_for(column, rtype) == found


def test_answers_of_several_sites_are_of_no_one_site() -> None:
    tokyo, osaka = site_column(1, AAAA), site_column(0, AAAA)
    assert shared([tokyo]) == shared([tokyo, tokyo]) == tokyo
    assert shared([tokyo, osaka]) == site_column(-1, AAAA)
    assert shared([COLUMN[SOA], COLUMN[SOA]]) == COLUMN[SOA]
    assert join([Answer([b"1"], column=tokyo), Answer([b"2"], column=osaka)]).column == site_column(-1, AAAA)
