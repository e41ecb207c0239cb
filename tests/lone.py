"""One worker in a process of its own, for tests that attack it: they see its counters, its memory and its answers.

python -m tests.lone '{"rate_limit": [50, 125, 1, false], "descriptors": 60}'     prints its port, then its counters
                                                                                 as JSON for every line that it reads
"""

import asyncio
import gc
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gslb.config.settings import RateLimit
from gslb.server.stats import named
from gslb.server.worker import Worker
from tests.conftest import ENVIRONMENT, ROOT
from tests.fuzz.measure import resident
from tests.fuzz.world import rich_table


class Lone:
    """A running worker, seen from outside."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid
        self.port = int(self._line())

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the worker has ended"
        return line

    def counters(self) -> dict[str, int]:
        """What it has counted. Its answer also proves that it lives."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return dict(json.loads(self._line()))

    def resident(self) -> int:
        """Octets of memory."""
        return resident(self.pid)

    def descriptors(self) -> int:
        """How many are open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@contextmanager
def lone(**options: object) -> Iterator[Lone]:
    """A worker on 127.0.0.1. Options: `rate_limit` (fields of RateLimit), `descriptors` (how many it may open)."""
    argv = [sys.executable, "-m", "tests.lone", json.dumps(options)]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT
    )
    try:
        yield Lone(process)
    finally:
        process.kill()
        process.communicate()


async def serve(rate_limit: list[float] | None = None, descriptors: int = 0) -> None:
    """Be the worker, until standard input ends."""
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    worker = Worker([("127.0.0.1", 0)])
    limit = RateLimit(*rate_limit) if rate_limit else None  # type: ignore[arg-type]
    worker.swap(rich_table(rate_limit=limit))
    worker.open()
    ended = asyncio.Event()

    def asked() -> None:
        if sys.stdin.readline():
            print(json.dumps(named(worker.counters())), flush=True)
        else:
            ended.set()

    asyncio.get_running_loop().add_reader(sys.stdin, asked)
    gc.collect()
    gc.freeze()
    gc.disable()  # as a worker process does
    print(worker.addresses[0][1], flush=True)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(**json.loads(sys.argv[1])))
