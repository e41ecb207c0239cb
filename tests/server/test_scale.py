"""What a name costs in a worker's memory, by a process that loads the table as a worker does."""

import pytest

from bench.scale import Row, beyond, dynamic, measure, static
from gslb.config.model import Config


@pytest.fixture(scope="module")
def empty() -> Row:
    return measure("static", static(0), 1, 0)


@pytest.mark.parametrize(
    ("settings", "names", "pools", "most"),
    [
        (static(150_000), 150_000, 0, 600),
        (dynamic(10_000, 100), 10_000, 100, 400),
        (dynamic(10_000, 10_000), 10_000, 10_000, 1_500),
    ],
    ids=["static", "shared pools", "a pool each"],
)
def test_octets_per_name(empty: Row, settings: Config, names: int, pools: int, most: int) -> None:
    row = beyond(empty, measure("", settings, names, pools))
    assert 50 < row.octets <= most
