"""A worker process: `python -m gslb.server.process STATE SLOT CHANNEL HOST PORT [HOST PORT...]`, by the supervisor.

It starts from the newest snapshot on disk, follows the leaves published for its base, and goes on answering when the
supervisor, the control process and everyone else are dead. A new base is for another process to load.
"""

import asyncio
import gc
import logging
import signal
import socket
import sys
import time
from collections.abc import Sequence

from gslb.errors import SnapshotError, StateError
from gslb.server import channel, logs, pages
from gslb.server.channel import Channel, Message
from gslb.server.priority import shorten
from gslb.server.processes import ProcessId
from gslb.server.snapshots import load_newest, newer_leaves
from gslb.server.sockets import Address, Endpoint
from gslb.server.state import StateFolder
from gslb.server.tallies import Sheet
from gslb.server.tap import Wanted
from gslb.server.worker import Worker

log = logging.getLogger("gslb.worker")

_EXIT_FAILED = 1
_COLLECT_EVERY = 10.0  # seconds
_TRY_AGAIN = 1.0  # seconds after leaves that could not be read


class WorkerProcess:
    """Ties a Worker to its page, its channel and the snapshots."""

    def __init__(self, state: StateFolder, slot: int, link: Channel, addresses: Sequence[Address]) -> None:
        """Take the page, and the newest table. Raises SnapshotError where there is none."""
        self._state = state
        self._channel = link
        self._pages = pages.Pages(state.pages_path)
        self._page = page = self._pages.slots[slot]
        page.pid, page.start = ProcessId.me()
        page.state = pages.LOADING
        loaded = load_newest(state, lean=True)
        if loaded is None:
            raise SnapshotError(f"there is no table in {state.path} that can be served")
        self._table = loaded.table
        page.base_generation, page.leaves_generation = loaded.base_generation, loaded.leaves_generation
        share = 1 / max(self._pages.control.workers, 1)
        shown = logs.sampling(logs.inherited())
        self._worker = Worker(addresses, on_tick=self._tick, shown=shown, share=share, ring=state.ring_path(slot))
        self._worker.swap(loaded.table)
        self._sheet = Sheet(state.path, loaded.table.base, self._worker.rows)
        self._tapped = 0
        self._adopted: dict[Endpoint, socket.socket] = {}
        self._done = asyncio.Event()
        self._handed_over = False
        self._exit = 0
        self._follow_from = 0.0
        self._looked_at = 0  # the generation announced when the leaves on disk were read last
        self._collected = time.monotonic()
        gc.freeze()

    async def run(self) -> int:
        """Serve until told to stop; the exit code."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._done.set)
        loop.add_reader(self._channel, self._on_channel)
        self._channel.send(Message(channel.LOADED))
        await self._done.wait()
        self._page.state = pages.RETIRING
        await self._worker.close(handed_over=self._handed_over)
        self._page.counters = self._worker.counters()
        self._sheet.close()
        return self._exit

    def _on_channel(self) -> None:
        messages = self._channel.receive()
        if messages is None:
            self._orphaned()
            return
        for message in messages:
            self._obey(message)

    def _obey(self, message: Message) -> None:
        match message.kind:
            case channel.OPEN | channel.HANDED:
                self._serve()
            case channel.SOCKETS:
                self._adopted.update(channel.received_sockets(message))
            case channel.HAND_OVER:
                for part in channel.socket_messages(self._worker.sockets):
                    self._channel.send(part)
                self._channel.send(Message(channel.HANDED))
            case channel.RETIRE:
                self._handed_over = True
                self._done.set()
            case channel.QUERY:
                self._channel.send(Message(channel.REPLY, self._worker.ask(message.body) or b""))

    def _serve(self) -> None:
        """Say that we serve, look at the leaves once more, and only then open: what is acknowledged has no gap."""
        shorten()
        self._page.state = pages.SERVING
        self._follow()
        self._follow_tap()
        try:
            self._worker.open(self._adopted)
        except StateError as error:
            log.error("%s", error)
            self._exit = _EXIT_FAILED
            self._done.set()
            return
        self._page.beat()
        self._channel.send(Message(channel.SERVING))

    def _orphaned(self) -> None:
        """The supervisor is gone. Whoever serves goes on; its next supervisor finds it by the run file."""
        asyncio.get_running_loop().remove_reader(self._channel)
        if self._page.state == pages.SERVING:
            log.warning("the supervisor is gone; serving on")
        else:
            self._done.set()

    def _tick(self) -> None:
        self._follow()
        self._follow_tap()
        self._page.counters = self._worker.counters()
        self._sheet.step()
        self._page.beat()
        now = time.monotonic()
        if now >= self._collected + _COLLECT_EVERY:
            gc.collect()  # cheap: tables are frozen, so this walks connections and little else
            self._collected = now

    def _follow_tap(self) -> None:
        wanted = self._pages.control.tap
        if wanted != self._tapped:
            self._worker.tap(Wanted.of(wanted))
            self._tapped = wanted

    def _follow(self) -> None:
        """Swap to newer leaves of our base, if there are any. While a reload replaces us, they come for both bases."""
        page, announced = self._page, self._pages.control.leaves_generation
        if announced in (page.leaves_generation, self._looked_at) or time.monotonic() < self._follow_from:
            return
        page.busy = 1
        try:
            gc.collect()
            table = newer_leaves(self._state, self._table, page.base_generation, announced)
            if table is self._table:
                self._looked_at = announced
            else:
                self._worker.swap(table)
                gc.freeze()
                self._table, page.leaves_generation = table, table.generation
        except SnapshotError as error:
            log.warning("serving the leaves of generation %d on: %s", page.leaves_generation, error)
            self._follow_from = time.monotonic() + _TRY_AGAIN
        page.beat()
        page.busy = 0


def main(arguments: Sequence[str]) -> int:
    """Be a worker. Interrupt and hang-up are the supervisor's business."""
    gc.disable()  # nothing on the query path leaves cycles; see _tick for what does
    for signum in (signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    logs.configure(logs.inherited())
    state, slot, fd, *rest = arguments
    addresses = list(zip(rest[::2], map(int, rest[1::2]), strict=True))
    link = Channel(socket.socket(fileno=int(fd)))
    try:
        return asyncio.run(WorkerProcess(StateFolder(state), int(slot), link, addresses).run())
    except (SnapshotError, StateError) as error:
        log.error("%s", error)
        return _EXIT_FAILED
    finally:
        link.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
