"""Which candidates are in use."""

from gslb.policy.candidates import Candidate, in_use


def test_an_answer_holds_all_records_of_the_member() -> None:
    answer = Candidate(0, "a", 1, 0, (b"1", b"2")).answer
    assert (answer.count, answer.records) == (2, b"12")


def test_standby_counts_only_when_nothing_else_is_left() -> None:
    active, standby = Candidate(0, "a", 5, 0, ()), Candidate(1, "b", 0, 0, ())
    assert list(in_use([active, standby])) == [active]
    assert list(in_use([standby])) == [standby._replace(weight=1)]
