"""When probes start. Pure: slots are multiples of the interval on one clock, so lateness never adds up.

Slot k of a target begins at (k + phase) x interval. The phase is a hash of the target: the targets of a monitor are
spread evenly, and a reload or a restart moves none of them.
"""

from hashlib import blake2b
from math import floor

from gslb.health.states import TargetKey

_BITS = 64


def phase_of(key: TargetKey) -> float:
    """The share of the interval, from 0 to below 1, by which a target's slots come after the clock's multiples."""
    digest = blake2b(f"{key.monitor}\0{key.address}".encode(), digest_size=_BITS // 8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << (_BITS - 11))  # 53 bits: a float below 1


def slot_at(now: float, interval: float, phase: float) -> int:
    """The number of the latest slot that has begun at `now` (seconds)."""
    return floor(now / interval - phase)


def start_of(slot: int, interval: float, phase: float) -> float:
    """When a slot begins (seconds)."""
    return (slot + phase) * interval


def slot_after(slot: int, now: float, interval: float, phase: float) -> int:
    """The slot to serve after `slot`, at `now`: the next one, or, where it has wholly passed, the one that runs.

    Slots that were missed are skipped, so that no bunch of probes follows a stall.
    """
    return max(slot + 1, slot_at(now, interval, phase))
