"""The values of health: hashable keys, and an unknown that belongs to no time."""

from gslb.health.states import UNKNOWN, Observation, TargetKey


def test_a_target_is_known_by_monitor_and_address() -> None:
    assert TargetKey("web", "192.0.2.1") == ("web", "192.0.2.1")
    assert len({TargetKey("web", "192.0.2.1"), TargetKey("web", "192.0.2.1"), TargetKey("db", "192.0.2.1")}) == 2


def test_unknown_has_neither_time_nor_reason() -> None:
    assert Observation("unknown", 0.0, "") == UNKNOWN
