"""What the steps remember, and how an operator ends the waiting."""

from gslb.health.memory import NOTHING, Loss, Numbers, Past, PoolPast, resume

WAITS = Past("up", 1.0, "down", penalty=4.0, waiting=True, suppressed=True)
FREE = Past("up", 1.0, "down")


def test_nothing_is_remembered_at_first() -> None:
    assert PoolPast({}, {}, {}, "") == NOTHING


def test_resume_ends_failback_and_damping_of_the_named_members_alone() -> None:
    pool = PoolPast({("tokyo", "192.0.2.1"): WAITS, ("tokyo", "2001:db8::1"): WAITS, ("osaka", "192.0.2.2"): WAITS})
    found = resume({"web": pool, "db": pool}, [("web", "tokyo"), ("web", "gone"), ("gone", "tokyo")])
    assert found["db"] == pool
    assert found["web"].addresses == {
        ("tokyo", "192.0.2.1"): FREE,
        ("tokyo", "2001:db8::1"): FREE,
        ("osaka", "192.0.2.2"): WAITS,
    }


def test_resume_keeps_the_rest_of_the_past() -> None:
    pool = PoolPast({("tokyo", "192.0.2.1"): WAITS}, ramps={"osaka": 3.0}, only="osaka")
    found = resume({"web": pool}, [("web", "tokyo")])["web"]
    assert (found.ramps, found.only) == ({"osaka": 3.0}, "osaka")


def test_equal_pasts_have_one_number_and_others_have_not() -> None:
    one, same, other = (PoolPast({("tokyo", "192.0.2.1"): past}, ramps={"osaka": 3.0}) for past in (FREE, FREE, WAITS))
    number = Numbers().of
    assert number(one) == number(same) == number(one)
    assert PoolPast._fields == ("addresses", "losses", "ramps", "only")  # mappings, but for the last
    others = [
        other,
        other._replace(only="tokyo"),
        other._replace(ramps={}),
        other._replace(losses={"a": Loss("t", 1.0)}),
    ]
    assert len({number(past) for past in (one, *others)}) == 5
