"""Names of requests."""

from gslb.api.requestid import current, name_of


def test_a_name_that_fits_is_kept() -> None:
    assert name_of("CHG-1042.a_b") == "CHG-1042.a_b"


def test_others_are_made_up() -> None:
    made = {name_of(given) for given in (None, "", "a b", "a\x1b[2J", "x" * 65, "\u00e9")}
    assert len(made) == 6
    assert all(len(name) == 16 for name in made)
    assert current.get() == ""
