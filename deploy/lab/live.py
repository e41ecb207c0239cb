"""The timeline as it happens: who serves the user, who is primary, where names lead. A line for each change."""

import threading
import time
from collections.abc import Callable, Mapping

_LOOKS = 0.25  # seconds between two looks


class Live:
    """`lanes` say in a few words how things are; what a lane says is printed when it differs from before.

    Used as a context. `event()` sets the zero of the times that are printed.
    """

    def __init__(self, lanes: Mapping[str, Callable[[], str]], say: Callable[[str], None]) -> None:
        self._lanes = lanes
        self._say = say
        self._before: dict[str, str] = {}
        self._zero = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Live":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def event(self, text: str) -> None:
        """It is now that times count from."""
        self._zero = time.monotonic()
        self.tell(text)

    def tell(self, text: str) -> None:
        self._say(f"  {time.monotonic() - self._zero:+7.1f} s  {text}")

    def _run(self) -> None:
        while not self._ended.wait(_LOOKS):
            for name, look in self._lanes.items():
                now = look()
                if now and now != self._before.get(name):
                    self._before[name] = now
                    self.tell(f"{name}: {now}")
