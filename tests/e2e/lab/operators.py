"""An operator who drains and undrains while everything breaks, and what the truth is to know of it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from tests.e2e.lab.lab import Lab

_UNSURE = 15.0  # seconds after which a write whose outcome was not told is there, or never will be
_AGAIN = 0.5


class Operator:
    """One drain at a time: `with Operator(lab, rng, tell): ...`; what is drained at the end is undrained."""

    def __init__(self, lab: Lab, rng: random.Random, tell: Callable[[str], None]) -> None:
        self._lab = lab
        self._rng = rng
        self._tell = tell
        self._over = threading.Event()
        self._broken = False  # whether the run has ended before its time, and nobody answers any more
        self._thread = threading.Thread(target=self._run)
        self._number = 0
        self.done: Counter[str] = Counter()  # by what became of them

    def __enter__(self) -> "Operator":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._broken = kind is not None
        self.enough()
        self._thread.join()

    def enough(self) -> None:
        """Undrain what is drained, and drain no more."""
        self._over.set()

    def _run(self) -> None:
        targets = [*(f"site/{site}" for site in self._lab.targets)]
        targets += [f"member/web/{site}-{n}" for site in self._lab.targets for n in (1, 2)]
        while not self._over.wait(self._rng.uniform(0.5, 3)):
            self._number += 1
            self._drain(f"chaos-{self._number}", self._rng.choice(targets))

    def _node(self) -> str:
        return self._rng.choice(list(self._lab.nodes))

    def _drain(self, reason: str, target: str) -> None:
        """Drain, let it last, undrain; whatever the nodes say to that."""
        addresses, asked = self._lab.drained_by(target), f"{reason} asked for"
        self._lab.truth.doubt(addresses, asked, time.monotonic())
        site, ident = self._node(), ""
        try:
            answer, when = self._lab.nodes[site].drain(target, reason=reason)
            outcome = {201: "drained", 409: "refused"}.get(answer.status, f"unsure {answer.status}")
        except OSError as error:
            outcome = f"unsure {type(error).__name__}"
        if outcome == "drained":
            ident = answer.body["id"]
            if answer.body["acknowledged"]:
                self._lab.truth.drained(addresses, ident, when)
                self._lab.truth.sure(addresses, asked, when)
            else:
                outcome = "drained, not acknowledged"
        self._tell(f"drain {target} at {site}: {outcome}")
        self.done[outcome] += 1
        if ident:
            self._over.wait(self._rng.uniform(1, 8))
        elif outcome != "refused":
            ident = self._found(reason)
        if ident:
            self._undrain(target, ident)
        self._lab.truth.sure(addresses, asked, time.monotonic())

    def _found(self, reason: str) -> str:
        """The drain of which nobody said whether it was made; empty where it was not."""
        until = time.monotonic() + _UNSURE
        while not self._broken:
            time.sleep(_AGAIN)
            node = self._lab.nodes[self._node()]
            with suppress(OSError, AssertionError, KeyError):
                store = node.nodes()["store"]
                drains = {one["reason"]: str(one["id"]) for one in node.status()["drains"]}
                if reason in drains or (time.monotonic() > until and not store["lost"]):
                    return drains.get(reason, "")
        return ""

    def _undrain(self, target: str, ident: str) -> None:
        """Undrain at one node or another, until one says that it is done. From now on either answer is right."""
        addresses, begun, asked = self._lab.drained_by(target), time.monotonic(), f"end of {ident} asked for"
        self._lab.truth.doubt(addresses, asked, begun)
        self._lab.truth.undrained(addresses, ident, begun)
        tries, site = 0, "none"
        while not self._broken:
            tries, site = tries + 1, self._node()
            with suppress(OSError):
                if self._lab.nodes[site].undrain(ident).status in (200, 404):
                    break
            time.sleep(_AGAIN)
        self._tell(f"undrain {target} at {site}: done, in {tries} tries")
        self._lab.truth.sure(addresses, asked, time.monotonic())
