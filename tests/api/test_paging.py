"""Long lists in pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.api.paging import cursor_at, page, read_cursor, read_number
from gslb.errors import InvalidError


@given(st.sets(st.tuples(st.text(max_size=5), st.integers())), st.integers(1, 5))
def test_pages_make_the_list(keys: set[tuple[str, int]], limit: int) -> None:
    whole, found, cursor = sorted(keys), [], None
    for _ in range(len(whole) // limit + 1):
        items, cursor = page(whole, lambda one: one, "k", limit, cursor)
        found += items
        if cursor is None:
            break
    assert (found, cursor) == (whole, None)


def test_what_comes_and_goes_shifts_nothing() -> None:
    first, cursor = page([1, 2, 3], lambda one: (one,), "k", 2, None)
    assert first == [1, 2]
    assert page([3, 4], lambda one: (one,), "k", 2, cursor) == ([3, 4], None)
    assert page([0, 1, 2], lambda one: (one,), "k", 2, cursor) == ([], None)


def test_cursors() -> None:
    good = cursor_at("k", ("a", 1, 2.5))
    assert read_cursor("k", good) == ("a", 1, 2.5)
    assert set(good) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    for kind, bad in (("other", good), ("k", good[:-2]), ("k", "A" + good), ("k", ""), ("k", "\u00e9"), ("k", "A")):
        with pytest.raises(InvalidError):
            read_cursor(kind, bad)


def test_cursors_that_somebody_made() -> None:
    assert read_number("k", cursor_at("k", (7,))) == 7
    for key in ((), ("x",), (1.5,), (True,), (-1,), (1 << 62,), (float("inf"),), (1, 2)):
        with pytest.raises(InvalidError):
            read_number("k", cursor_at("k", key))
    with pytest.raises(InvalidError, match="no cursor of this list"):
        page(["a"], lambda one: (one,), "k", 2, cursor_at("k", (5,)))
