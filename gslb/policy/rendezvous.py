"""Weighted rendezvous hashing in whole numbers: the same result on every machine, Python and C library.

The documented function, stable for ever (a change would move clients between sites):

    u         = (blake2b(network || key, 8 bytes, big-endian) + 1) / 2^64       in (0, 1]
    closeness = floor(-log2(u) * 2^24 * 2^20 / weight)                          the lowest wins

`network` is the client's address, 4 or 16 octets, with the bits behind /24 or /56 cleared; `key` is the member's name
in UTF-8. -log2(u) is exponentially distributed, so the chance to be the lowest is weight / sum of weights, and a member
that leaves moves only its own clients. log2 is a table of 1,024 steps with straight lines between them.
"""

from typing import Final

_STEPS: Final = 10
_FRACTION: Final = 24


def _log2_fraction(mantissa: int) -> int:
    """log2 of mantissa / 2^32, which lies in [1, 2), as a fraction of 2^24: one bit for each squaring."""
    out = 0
    for _ in range(_FRACTION):
        mantissa = mantissa * mantissa >> 32
        out <<= 1
        if mantissa >> 33:
            mantissa >>= 1
            out |= 1
    return out


_TABLE: Final = (
    *(_log2_fraction((1 << 32) + (step << (32 - _STEPS))) for step in range(1 << _STEPS)),
    1 << _FRACTION,
)


def closeness(digest: int, weight: int) -> int:
    """How far a member of this weight is from the client whose 64-bit digest this is. The lowest wins."""
    value = digest + 1
    exponent = value.bit_length() - 1
    mantissa = (value << (64 - exponent)) - (1 << 64)  # the 64 bits behind the leading one
    step = mantissa >> (64 - _STEPS)
    rest = mantissa >> (64 - _STEPS - _FRACTION) & ((1 << _FRACTION) - 1)
    low, high = _TABLE[step], _TABLE[step + 1]
    log2 = (exponent << _FRACTION) + low + ((high - low) * rest >> _FRACTION)
    return (((64 << _FRACTION) - log2) << 20) // weight
