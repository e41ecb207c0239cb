"""What is read: older formats, one's own, and the next where it allows that."""

import pytest

from gslb.formats import refusal


@pytest.mark.parametrize(
    ("version", "oldest", "read"),
    [
        (1, 1, True),
        (2, 1, True),
        (3, 3, True),
        (4, 3, True),
        (4, 2, True),
        (4, 4, False),
        (5, 3, False),
        (5, 4, False),
        (3, 9, False),
    ],
)
def test_one_back_and_one_forth(version: int, oldest: int, read: bool) -> None:
    assert (refusal(version, oldest, 3) == "") is read


def test_a_refusal_tells_what_would_do() -> None:
    assert refusal(4, 4, 3) == "is of format 4, by a newer gslb, for readers of format 4 or newer; this one reads 3"
    assert "format 5, by a newer gslb, for readers of format 4 or newer" in refusal(5, 1, 3)
