"""Real processes for the tests: a supervisor, and a small control process that publishes when it is told to.

python -m tests.server.stand_in node STATE PORT WORKERS [CONTROL...]     a supervisor on 127.0.0.1
python -m tests.server.stand_in control STATE                           publishes base 0; SIGHUP: the next base;
                                                                        SIGUSR1: Tokyo down; SIGUSR2: Tokyo up
The control process appends a line to STATE/said for each thing it did. Base N has a TXT record "N" at "which".
"""

import asyncio
import signal
import sys
from pathlib import Path

from gslb.errors import StateError
from gslb.server.publish import SharedPublisher
from gslb.server.state import StateFolder
from gslb.server.supervisor import Supervisor
from gslb.table.entries import Leaves, Table
from gslb.table.leaves import compile_pools
from tests.support import config, states, table

TOKYO = "192.0.2.10"
OSAKA = "198.51.100.10"


def numbered(number: int) -> Table:
    """A table whose base can be told by asking for the TXT record of "which"."""
    return table(config([f"which 60 TXT {number}"]))


def with_down(made: Table, number: int, *down: str) -> Leaves:
    """Leaves for a numbered table with some addresses down."""
    settings = config([f"which 60 TXT {number}"])
    return compile_pools(made.base, settings, states(settings, down=down), {})


async def control(state: str) -> None:
    """Publish when signalled."""
    publisher = SharedPublisher(StateFolder(state))
    wanted: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    names = {signal.SIGHUP: "base", signal.SIGUSR1: "down", signal.SIGUSR2: "up", signal.SIGTERM: "end"}
    for signum, name in names.items():
        loop.add_signal_handler(signum, wanted.put_nowait, name)
    number = 0
    made = numbered(0)
    generation = publisher.publish_base(made.base, made.leaves)
    what = "base"
    while what != "end":
        done = await publisher.wait_acknowledged(generation, 10.0)
        with (Path(state) / "said").open("a") as file:
            file.write(f"{what} {number} {generation} {done}\n")
        what = await wanted.get()
        if what == "base":
            number += 1
            made = numbered(number)
            generation = publisher.publish_base(made.base, made.leaves)
        elif what != "end":
            generation = publisher.publish_leaves(with_down(made, number, *([TOKYO] if what == "down" else [])))
    publisher.close()


def node(state: str, port: str, workers: str, *argv: str) -> int:
    """Be a supervisor."""
    control_argv = argv or (sys.executable, "-m", "tests.server.stand_in", "control", state)
    try:
        return Supervisor(state, [("127.0.0.1", int(port))], int(workers), control_argv).run()
    except StateError as error:
        sys.stderr.write(f"{error} ({error.hint})\n")
        return 1


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if role == "node":
        sys.exit(node(*rest))
    asyncio.run(control(*rest))
