"""The judge of answers, by hand-made truths."""

from tests.e2e.lab.truth import Judge, Limits, Truth

A, B = "10.77.1.11", "10.77.2.11"
LIMITS = Limits(bound=3.0, drain=2.0, back=4.0)


def faults(truth: Truth, addresses: tuple[str, ...], sent: float) -> dict[str, list[str]]:
    return dict(Judge(truth, LIMITS).faults(addresses, sent))


def test_a_dead_address_may_be_answered_until_the_bound() -> None:
    truth = Truth([A, B])
    truth.die([A], "mode", 100.0)
    assert faults(truth, (A, B), 102.9) == {}
    assert faults(truth, (A, B), 103.1) == {"stale": [A]}
    assert faults(truth, (B,), 103.1) == {}
    truth.live([A], "mode", 110.0)
    assert faults(truth, (B,), 113.9) == {}
    assert faults(truth, (B,), 114.1) == {"missing": [A]}
    assert faults(truth, (A, B), 114.1) == {}


def test_an_address_lives_again_when_every_cause_has_ended() -> None:
    truth = Truth([A, B])
    truth.die([A], "cut", 100.0)
    truth.die([A], "process", 101.0)
    truth.live([A], "cut", 105.0)
    assert truth.dead_for(A, 106.0) == 6.0
    truth.live([A], "process", 107.0)
    assert truth.dead_for(A, 108.0) == 0.0
    assert truth.good_for(A, 108.0) == 1.0


def test_failing_open_is_right_when_nothing_lives() -> None:
    truth = Truth([A, B])
    truth.die([A, B], "mode", 100.0)
    assert faults(truth, (A, B), 120.0) == {}
    truth.drained([B], "d1", 120.0)
    assert faults(truth, (A,), 130.0) == {}
    assert faults(truth, (A, B), 130.0) == {"drained": [B]}


def test_the_last_live_one_drained_leaves_the_dead_one() -> None:
    truth = Truth([A, B])
    truth.die([A], "mode", 100.0)
    truth.drained([B], "d1", 110.0)
    assert faults(truth, (A,), 120.0) == {}
    assert faults(truth, (B,), 120.0) == {"drained": [B]}


def test_a_drain_counts_from_its_acknowledgement_and_a_little() -> None:
    truth = Truth([A, B])
    truth.drained([A], "d1", 100.0)
    assert faults(truth, (A, B), 101.9) == {}
    assert faults(truth, (A, B), 102.1) == {"drained": [A]}
    assert faults(truth, (B,), 102.1) == {}
    truth.undrained([A], "d1", 110.0)
    assert faults(truth, (B,), 111.0) == {}
    assert faults(truth, (B,), 114.1) == {"missing": [A]}


def test_an_empty_answer_and_a_live_address_left_out_are_faults() -> None:
    truth = Truth([A, B])
    assert faults(truth, (), 100.0) == {"empty": []}
    assert faults(truth, (A,), 100.0) == {"missing": [B]}
    assert faults(truth, (A, B, "192.0.2.1"), 100.0) == {"stale": ["192.0.2.1"]}


def test_between_asking_for_a_drain_and_its_acknowledgement_either_answer_is_right() -> None:
    truth = Truth([A, B])
    truth.doubt([A], "asked", 100.0)
    assert faults(truth, (B,), 100.1) == faults(truth, (A, B), 100.1) == {}
    truth.drained([A], "d1", 100.2)
    truth.sure([A], "asked", 100.2)
    assert faults(truth, (B,), 105.0) == {}
    assert faults(truth, (A, B), 105.0) == {"drained": [A]}
