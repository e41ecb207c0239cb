"""Names and positions go together."""

from gslb import counters


def test_every_name_has_its_constant() -> None:
    assert [getattr(counters, name.upper()) for name in counters.NAMES] == list(range(len(counters.NAMES)))
