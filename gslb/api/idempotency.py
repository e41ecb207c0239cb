"""A request that is sent again with its Idempotency-Key gets the answer of the first, and nothing is done twice.

Only what was done is remembered: a request that was refused changed nothing, and may be meant anew. Each node remembers
for itself, in memory, as many as fit.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Final, Generic, NamedTuple, TypeVar

from gslb.errors import InvalidError

KEEP: Final = 24 * 3600.0  # seconds
MOST: Final = 1000
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")

R = TypeVar("R")
Place = tuple[str, str, str]  # token, operation, key


def require_key(key: str) -> None:
    """Raises InvalidError: what came as Idempotency-Key is none."""
    if not _KEY.fullmatch(key):
        raise InvalidError("Idempotency-Key must be 1 to 128 visible ASCII characters")


class _Known(NamedTuple, Generic[R]):
    print: bytes
    at: float
    answer: "asyncio.Future[R]"


class Remembered(Generic[R]):
    """What was answered. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[Place, _Known[R]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    async def once(self, place: Place, said: bytes, do: Callable[[], Awaitable[R]]) -> R:
        """The answer of `do`, or the one that it had for this place before; `said` is all that the request says.

        Raises InvalidError (no key, or something else was said with it), and what `do` raises.
        """
        require_key(place[2])
        self._forget()
        digest = blake2b(said, digest_size=16).digest()
        known = self._known.get(place)
        if known is None:
            return await self._first(place, digest, do)
        if known.print != digest:
            raise InvalidError("this Idempotency-Key came with another request before", hint="take a new key")
        try:
            return await asyncio.shield(known.answer)
        except asyncio.CancelledError:
            if not known.answer.cancelled():
                raise
        return await self.once(place, said, do)  # the first was refused, so this one is the first

    async def _first(self, place: Place, digest: bytes, do: Callable[[], Awaitable[R]]) -> R:
        known: _Known[R] = _Known(digest, self._clock(), asyncio.get_running_loop().create_future())
        self._known[place] = known
        try:
            answer = await do()
        except BaseException:
            known.answer.cancel()
            if self._known.get(place) is known:
                del self._known[place]
            raise
        known.answer.set_result(answer)
        return answer

    def _forget(self) -> None:
        horizon = self._clock() - KEEP
        while self._known:
            oldest = next(iter(self._known.values()))
            if len(self._known) < MOST and oldest.at > horizon:
                break
            self._known.popitem(last=False)
