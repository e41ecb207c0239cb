"""Targets for atheris, which mutates what reaches new code: `make fuzz` runs each for half of FUZZ_SECONDS.

python -m tests.fuzz.targets respond|frames CORPUS... [libFuzzer options]
"""

import asyncio
import sys
import time
from collections.abc import Callable
from itertools import repeat

import atheris

with atheris.instrument_imports(
    include=[
        "gslb.responder",
        "gslb.replies",
        "gslb.limiter",
        "gslb.proof",
        "gslb.policy",
        "gslb.table",
        "gslb.dns",
        "gslb.server",
    ]
):
    from gslb.context import TCP, UDP
    from gslb.counters import FAILED
    from gslb.responder import respond
    from gslb.server.tcp import Connection  # noqa: F401 - instrumented here
    from tests.fuzz.corpus import NOW, independent, silent
    from tests.fuzz.frames import answered, expected
    from tests.fuzz.world import SOURCES, contexts


_SLOW = 0.010  # seconds of processor time
_contexts = contexts()
for _context in _contexts:
    _context.now = NOW
_loop = asyncio.new_event_loop()


def fuzz_respond(data: bytes) -> None:
    """Over both transports: silence where it is due, else a message that an independent reader accepts.

    The first octet, half of the message's ID, says who asks whom.
    """
    which = data[0] if data else 0
    context, source = _contexts[which % len(_contexts)], SOURCES[which // len(_contexts) % len(SOURCES)]
    for transport in (UDP, TCP):
        times = []
        for _ in range(3):
            started = time.thread_time()
            reply = respond(context, data, source, transport)
            times.append(time.thread_time() - started)
            if times[-1] <= _SLOW:
                break
        assert min(times) <= _SLOW, "too slow"
        assert not context.counters[FAILED], "a fault of ours"
        assert (reply is None) is silent(data), "silence where it is not due, or a reply where none is"
        if reply is not None:
            assert transport == TCP or len(reply) <= 1232
            assert independent(reply).id == int.from_bytes(data[:2])


def fuzz_frames(data: bytes) -> None:
    """The first octet is the size of the pieces that the rest comes in."""
    stream = data[1:]
    pieces = repeat(data[0] + 1 if data else 1)
    assert _loop.run_until_complete(answered(stream, pieces)) == expected(stream)


TARGETS: dict[str, Callable[[bytes], None]] = {"respond": fuzz_respond, "frames": fuzz_frames}

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
