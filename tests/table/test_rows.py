"""Rows of counters: numbered alike where a base is compiled and where it is read, and bounded."""

from collections import Counter

import pytest

from gslb.config.model import Pool, Rule
from gslb.context import Context
from gslb.policy.columns import width
from gslb.table import rows
from gslb.table.entries import Base
from gslb.table.rows import OTHER, ignored, labels_of, number_rows, zeroed
from gslb.table.snapshot import dump_base, load_base
from tests.support import OSAKA, TOKYO, ask, config, context, name, query, table

WWW = "www.gslb.example.com."
APEX = "gslb.example.com."


def counted(ctx: Context) -> dict[tuple[str, str, str, str], int]:
    """(zone, name, type, site) -> count, of what was counted."""
    labels = labels_of(ctx.table.base)
    return {
        (*place, column.type, column.site): count
        for place, row in zip(labels.rows, ctx.rows, strict=True)
        for column, count in zip(labels.columns, row, strict=True)
        if count
    }


def counting(*pools: Pool, lines: tuple[str, ...] = ()) -> Context:
    ctx = context(table(config(lines, pools or [Pool("web", (TOKYO, OSAKA))], [name("www", Rule(("web",)))])))
    ctx.rows = zeroed(ctx.table.base)
    return ctx


def asked(ctx: Context, *questions: tuple[str, str]) -> dict[tuple[str, str, str, str], int]:
    for qname, rtype in questions:
        ask(ctx, query(qname, rtype))
    return counted(ctx)


def test_answers_are_counted_by_name_and_site() -> None:
    ctx = counting()
    drawn = Counter(str(ask(ctx, query("www")).answer[0][0]) for _ in range(40))
    found = counted(ctx)
    assert found[APEX, WWW, "A", "tokyo"] == drawn[TOKYO.addresses[0]] > 0
    assert found[APEX, WWW, "A", "osaka"] == drawn[OSAKA.addresses[0]] > 0
    assert sum(found.values()) == 40


def test_what_no_pool_answers_is_counted_by_zone_and_type() -> None:
    lines = ("host 60 A 192.0.2.1", "text 60 TYPE4711 \\# 1 00", "sub 60 NS ns.sub", "ns.sub 60 A 192.0.2.2")
    found = asked(
        counting(lines=lines),
        *(("host", "A"), ("host", "MX"), ("missing", "AAAA"), ("text", "TYPE4711"), ("x.sub", "TXT"), ("host", "ANY")),
        ("www.example.net.", "A"),
    )
    assert found == {
        (APEX, "", "A", ""): 1,
        (APEX, "", "MX", ""): 1,
        (APEX, "", "AAAA", ""): 1,
        (APEX, "", "other", ""): 1,
        (APEX, "", "TXT", ""): 1,
        (APEX, "", "ANY", ""): 1,
        (OTHER, "", "A", ""): 1,
    }


def test_aliases_are_counted_where_the_site_is_chosen() -> None:
    lines = ("to-www 60 CNAME www", "away 60 CNAME www.example.net.", "two 60 CNAME host", "host 60 A 192.0.2.1")
    pool = Pool("web", (TOKYO,))
    found = asked(counting(pool, lines=lines), ("to-www", "A"), ("away", "A"), ("two", "A"), ("two", "MX"))
    assert found == {(APEX, WWW, "A", "tokyo"): 1, (APEX, "", "A", ""): 2, (APEX, "", "MX", ""): 1}


def test_answers_of_several_sites_are_of_none() -> None:
    found = asked(counting(Pool("web", (TOKYO, OSAKA), policy="all")), ("www", "A"))
    assert found == {(APEX, WWW, "A", ""): 1}


def test_a_base_that_was_read_has_the_same_rows() -> None:
    made = counting(lines=("host 60 A 192.0.2.1",)).table.base
    for lean in (True, False):
        read = load_base(dump_base(made), lean=lean)
        assert read.rows == made.rows == 3
        assert labels_of(read) == labels_of(made)
        assert [entry.row for entry in read.names.values()] == [entry.row for entry in made.names.values()]


def test_names_beyond_the_bound_are_counted_with_their_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_NAMES", 1)
    made = config((), [Pool("web", (TOKYO,))], [name("www", Rule(("web",))), name("more", Rule(("web",)))])
    ctx = context(table(made))
    ctx.rows = zeroed(ctx.table.base)
    found = asked(ctx, ("www", "A"), ("more", "A"))
    assert sorted(place[1] for place in found) in (["", WWW], ["", f"more.{APEX}"])
    assert {place[3] for place in found} == {"tokyo"}


def test_rows_that_nobody_reads_are_one() -> None:
    base = counting().table.base
    assert len({id(row) for row in ignored(base)}) == 1
    assert [len(row) for row in ignored(base)] == [len(row) for row in zeroed(base)]
    assert len(zeroed(base)[0]) == width(len(base.settings.sites)) == len(labels_of(base).columns)


def test_a_base_without_zones_counts_what_it_refuses() -> None:
    empty = Base(counting().table.base.settings)
    number_rows(empty)
    assert labels_of(empty).rows == ((OTHER, ""),)
