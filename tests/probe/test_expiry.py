"""When a certificate is warned of."""

from gslb.probe.expiry import DAY, Certificate

NOW = 1_000_000.0


def test_the_days_go_on_between_probes() -> None:
    seen = Certificate()
    assert seen.days(NOW) is None
    seen.note(10.0, 14, NOW)
    assert seen.days(NOW + 3 * DAY) == 7.0
    assert seen.days(NOW + 11 * DAY) == -1.0


def test_once_a_day_while_few_are_left() -> None:
    seen = Certificate()
    warned = [hour for hour in range(30 * 24) if seen.note(30 - hour / 24, 14, NOW + hour * 3600)]
    assert warned == [16 * 24 + 1 + 24 * day for day in range(14)]


def test_none_where_none_is_wanted() -> None:
    assert not Certificate().note(0.1, 0, NOW)


def test_a_certificate_that_ends_sooner_is_told_at_once_and_a_pair_in_turns_is_not_told_for_ever() -> None:
    seen = Certificate()
    assert seen.note(10.0, 14, NOW)
    assert not seen.note(13.0, 14, NOW + 10)
    assert seen.note(5.0, 14, NOW + 20)
    assert not any(seen.note(days, 14, NOW + at) for at in range(30, 3600, 2) for days in (10.0, 5.0, 300.0))


def test_a_renewed_one_is_not_told_until_it_is_old_too() -> None:
    seen = Certificate()
    assert seen.note(1.0, 14, NOW)
    assert not seen.note(90.0, 14, NOW + 10)
    assert seen.note(13.9, 14, NOW + 76.1 * DAY)
