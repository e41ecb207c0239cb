"""Which form of an answer a client takes (RFC 9110 section 12.5.1)."""

from collections.abc import Sequence
from contextlib import suppress


def best(header: str | None, offered: Sequence[str]) -> str | None:
    """The offered media type that the client likes most, the first of equals; None where it takes none of them."""
    if not header or not header.strip():
        return offered[0]
    ranges = [_range(part) for part in header.split(",")]
    liked = [(_quality(kind, ranges), -at, kind) for at, kind in enumerate(offered)]
    quality, _, kind = max(liked)
    return kind if quality > 0 else None


def _range(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            with suppress(ValueError):
                return kind, min(max(float(parameter[2:]), 0.0), 1.0)
            return kind, 0.0
    return kind, 1.0


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """That of the most specific range that fits."""
    for fitting in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        for wanted, quality in ranges:
            if wanted == fitting:
                return quality
    return 0.0
