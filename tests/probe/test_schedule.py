"""The times of probes: even, stable, and without memory of lateness."""

from hypothesis import given
from hypothesis import strategies as st

from gslb.health.states import TargetKey
from gslb.probe.schedule import phase_of, slot_after, slot_at, start_of

intervals = st.floats(0.1, 3600)
phases = st.floats(0, 1, exclude_max=True)
times = st.floats(0, 1e7)


def test_phases_are_stable_across_processes() -> None:
    assert phase_of(TargetKey("web", "192.0.2.1")) == 0.2239053286018


def test_phases_spread_evenly() -> None:
    tenths = [0] * 10
    for host in range(1000):
        tenths[int(phase_of(TargetKey("web", f"192.0.{host // 250}.{host % 250}")) * 10)] += 1
    assert min(tenths) > 70
    assert max(tenths) < 130


@given(st.text(), st.text())
def test_a_phase_is_a_share(monitor: str, address: str) -> None:
    assert (
        0
        <= phase_of(TargetKey(monitor.encode(errors="replace").decode(), address.encode(errors="replace").decode()))
        < 1
    )


@given(times, intervals, phases)
def test_a_slot_has_begun_and_the_next_has_not(now: float, interval: float, phase: float) -> None:
    slot = slot_at(now, interval, phase)
    assert start_of(slot, interval, phase) <= now + 1e-6
    assert start_of(slot + 1, interval, phase) >= now - 1e-6


def test_the_next_slot_follows_even_when_it_has_begun() -> None:
    assert slot_after(3, now=17.0, interval=5.0, phase=0.0) == 4
    assert slot_after(3, now=21.0, interval=5.0, phase=0.0) == 4


def test_missed_slots_are_skipped() -> None:
    assert slot_after(3, now=57.0, interval=5.0, phase=0.0) == 11


@given(times, intervals, phases, st.integers(0, 1000))
def test_slots_only_go_forward(now: float, interval: float, phase: float, slot: int) -> None:
    assert slot_after(slot, now, interval, phase) > slot
