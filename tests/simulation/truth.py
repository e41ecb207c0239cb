"""How things really are: what lives, what is cut off, what is slow, what gets lost."""

import random
from typing import Final, NamedTuple

NET: Final = "net"  # the place of everything outside of all sites: the resolver, the store
_RTT: Final = 0.02  # seconds


class Path(NamedTuple):
    """What becomes of a probe: whether it succeeds, the seconds it takes, why it fails, the share that gets lost."""

    ok: bool
    takes: float
    reason: str = ""
    loss: float = 0.0

    @property
    def steady(self) -> bool:
        """Whether each probe ends as the one before."""
        return not (self.ok and self.loss)


class Truth:
    """Everything that may go wrong. Change it only through World, which wakes those who must notice."""

    def __init__(self) -> None:
        self.dead: set[str] = set()  # sites
        self.down: set[str] = set()  # addresses that refuse
        self.stopped: set[str] = set()  # probers whose process has ended
        self.cut: set[tuple[str, str]] = set()  # (prober, place)
        self.slow: dict[tuple[str, str], float] = {}  # (prober, place) -> seconds
        self.loss = 0.0

    @property
    def calm(self) -> bool:
        """Whether nothing at all is wrong with networks and probers."""
        return not (self.stopped or self.cut or self.slow or self.loss)

    def path(self, prober: str, place: str, address: str, timeout: float) -> Path:
        """What a probe from a prober to an address at a place meets."""
        slow = self.slow.get((prober, place), _RTT)
        if place in self.dead or (prober, place) in self.cut or slow >= timeout:
            return Path(False, timeout, "timeout")
        if address in self.down:
            return Path(False, slow, "refused")
        return Path(True, slow, "", self.loss)

    def outcome(self, path: Path, timeout: float, rng: random.Random) -> Path:
        """One probe on this path."""
        if path.ok and path.loss and rng.random() < path.loss:
            return Path(False, timeout, "timeout")
        return path
