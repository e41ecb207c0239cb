"""When to start again what has died."""

_YOUNG = 1.0  # seconds: a death before this age is a quick one
_FIRST = 0.1
_LONGEST = 5.0


class Backoff:
    """At once after a death; after quick deaths in a row 0.1 s, doubling to 5 s. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._quick = 0
        self._until = 0.0

    def died(self, age: float, now: float) -> None:
        """Note a death at the age of `age` seconds."""
        self._quick = self._quick + 1 if age < _YOUNG else 0
        if self._quick > 1:
            self._until = now + min(_LONGEST, _FIRST * 2.0 ** min(self._quick - 2, 16))

    def ready(self, now: float) -> bool:
        """Whether it may be started."""
        return now >= self._until
