"""The worker processes under a supervisor: started, judged, replaced, ended.

    LOADING ─────────────────────────▶ OPENING ──▶ SERVING ──▶ RETIRING ──▶ gone
       └── has a predecessor ─▶ TAKING ──┘ └ at SERVING, the predecessor is told to retire

A worker opens its sockets only when told to, so none serves before the run file knows it.
"""

import logging
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gslb.server import channel, upgrade
from gslb.server.adopted import Adopted
from gslb.server.backoff import Backoff
from gslb.server.channel import Channel, Message
from gslb.server.pages import Pages, WorkerPage
from gslb.server.processes import ProcessId
from gslb.server.sockets import Address

log = logging.getLogger("gslb.supervisor")

LOADING, TAKING, OPENING, SERVING, RETIRING = "loading", "taking over", "opening", "serving", "retiring"
_LIMITS = {LOADING: 60.0, TAKING: 2.0, OPENING: 10.0, RETIRING: 7.0}  # seconds; RETIRING gives TCP five
_HEARTBEAT = 1.2  # seconds without one
_ASK_EVERY = 1.0
_ANSWER_WITHIN = 2.0
_LATE = 0.6  # seconds between two rounds: we were stopped ourselves, and perhaps they too
_DYING = 0.02  # seconds between the end of its channel and of a process
_AT_ONCE = 4  # workers that are replaced at the same time
_PROOF = b"GS\0\0\0\1\0\0\0\0\0\0\0\0\6\0\1"  # . IN SOA


@dataclass(eq=False, slots=True)
class Child:
    """One worker process. Times are monotonic seconds."""

    slot: int
    page: WorkerPage
    process: "subprocess.Popen[bytes] | Adopted"
    link: Channel
    generation: int  # of the newest base when it was started
    predecessor: "Child | None"
    started: float
    since: float  # the beginning of the phase
    phase: str = LOADING
    asked: float = 0.0  # when a proof of life was last asked for
    answered: float = 0.0
    foreign: bool = False  # started by the program before us: to be replaced

    def enter(self, phase: str) -> None:
        """Begin another phase."""
        self.phase = phase
        self.since = time.monotonic()

    def outdated(self, newest: int) -> bool:
        """Whether a newer base was published since it was started and loaded, or it runs another program."""
        old = self.foreign or max(self.generation, self.page.base_generation) < newest
        return self.phase == SERVING and old


class Crew:
    """Keeps `count` workers serving the newest base."""

    def __init__(
        self, state: Path, pages: Pages, addresses: Sequence[Address], count: int, *, changed: Callable[[], None]
    ) -> None:
        """`changed` is called after every start and end, before the new worker may serve."""
        self._pages = pages
        self._count = pages.control.workers = count
        self._changed = changed
        self._arguments = [str(state)], [text for host, port in addresses for text in (host, str(port))]
        self._selector = selectors.DefaultSelector()
        self._backoff = Backoff()
        self._last = time.monotonic()
        self._patient_until = 0.0
        self.children: list[Child] = []
        self.reserved: Collection[int] = ()  # slots of workers that are not ours

    @property
    def complete(self) -> bool:
        """Whether all workers that there should be serve."""
        return sum(child.phase == SERVING and child.predecessor is None for child in self.children) >= self._count

    @property
    def serving(self) -> int:
        """How many workers answer, as far as is known."""
        return sum(child.phase == SERVING for child in self.children)

    @property
    def quiet(self) -> bool:
        """Whether it is complete, nobody comes or goes, and nobody runs another program."""
        return self.complete and all(child.phase == SERVING and not child.foreign for child in self.children)

    def adopt(self, workers: Iterable[upgrade.Worker]) -> None:
        """Take over workers that serve already, from the program that was this process before; replace them soon."""
        for worker in workers:
            link = Channel(socket.socket(fileno=worker.fd))
            now = time.monotonic()
            page = self._pages.slots[worker.slot]
            child = Child(
                worker.slot,
                page,
                Adopted(worker.pid),
                link,
                page.base_generation,
                None,
                now,
                now,
                SERVING,
                now,
                now,
                True,
            )
            self.children.append(child)
            self._selector.register(link, selectors.EVENT_READ, child)

    def hand_on(self) -> list[upgrade.Worker]:
        """The workers, for the program that takes our place; while `quiet`."""
        return [upgrade.Worker(child.process.pid, child.slot, child.link.fileno()) for child in self.children]

    def processes(self) -> list[ProcessId]:
        """Those that run, for the run file."""
        found = (ProcessId.of(child.process.pid) for child in self.children)
        return [process for process in found if process]

    def step(self, timeout: float) -> None:
        """Wait for news at most `timeout` seconds, then do what is due."""
        for key, _ in self._selector.select(timeout):
            self._listen(key.data)
        now = time.monotonic()
        if now > self._last + timeout + _LATE:
            self._patient_until = now + _HEARTBEAT
        self._last = now
        for child in [child for child in self.children if child.process.poll() is not None]:
            self._gone(child, now)
        self._fill(now)
        if now >= self._patient_until:
            for child in self.children:
                self._judge(child, now)

    # Starting

    def _fill(self, now: float) -> None:
        newest = self._pages.control.base_generation
        if not newest:
            return
        places = [child for child in self.children if child.predecessor is None and child.phase != RETIRING]
        for _ in range(self._count - len(places)):
            if self._backoff.ready(now):
                self._start(newest, None)
        replaced = {child.predecessor for child in self.children}
        room = _AT_ONCE - len(replaced - {None})
        outdated = [child for child in places if child.outdated(newest) and child not in replaced]
        for child in outdated[: max(room, 0)]:
            if self._backoff.ready(now):
                self._start(newest, child)

    def _start(self, newest: int, predecessor: Child | None) -> None:
        taken = {child.slot for child in self.children}.union(self.reserved)
        slot = next(slot for slot in range(len(self._pages.slots)) if slot not in taken)
        self._pages.retire(slot)
        link, theirs = Channel.pair()
        state, addresses = self._arguments
        command = [sys.executable, "-m", "gslb.server.process", *state, str(slot), str(theirs.fileno()), *addresses]
        with theirs:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),))  # noqa: S603
        now = time.monotonic()
        child = Child(slot, self._pages.slots[slot], process, link, newest, predecessor, now, now)
        self.children.append(child)
        self._selector.register(link, selectors.EVENT_READ, child)
        self._changed()

    # Listening

    def _listen(self, child: Child) -> None:
        messages = child.link.receive()
        if messages is None:
            self._selector.unregister(child.link)
            with suppress(subprocess.TimeoutExpired):  # most likely it is dead: then replace it in this round
                child.process.wait(_DYING)
            return
        for message in messages:
            self._hear(child, message)

    def _hear(self, child: Child, message: Message) -> None:
        match message.kind:
            case channel.LOADED:
                predecessor = child.predecessor
                if predecessor and predecessor.link.send(Message(channel.HAND_OVER)):
                    child.enter(TAKING)
                else:
                    self._open(child, Message(channel.OPEN))
            case channel.SOCKETS | channel.HANDED:
                self._pass_on(child, message)
            case channel.SERVING:
                self._serving(child)
            case channel.REPLY if message.body[:2] == _PROOF[:2]:
                child.answered = time.monotonic()

    def _open(self, child: Child, message: Message) -> None:
        child.enter(OPENING)
        child.link.send(message)

    def _pass_on(self, predecessor: Child, message: Message) -> None:
        """Sockets go to the successor; our copies are closed, so that none stays open in a process that never reads."""
        successor = next((c for c in self.children if c.predecessor is predecessor and c.phase == TAKING), None)
        if successor and message.kind == channel.HANDED:
            self._open(successor, message)
        elif successor and not successor.link.send(message):
            successor.process.kill()
        message.discard()

    def _serving(self, child: Child) -> None:
        child.enter(SERVING)
        child.asked = child.answered = child.since
        predecessor, child.predecessor = child.predecessor, None
        if predecessor:
            predecessor.enter(RETIRING)
            if not predecessor.link.send(Message(channel.RETIRE)):
                predecessor.process.terminate()

    # Judging

    def _judge(self, child: Child, now: float) -> None:
        """Kill what is late. A stopped or spinning worker still holds its share of the queries."""
        limit = _LIMITS.get(child.phase)
        if limit is not None:
            if now > child.since + limit:
                late = child.predecessor if child.phase == TAKING and child.predecessor else child
                _kill(late, f"was {child.phase} for over {limit:.0f} s")
            return
        silent = now - child.page.heartbeat / 1e9
        if silent > (_LIMITS[LOADING] if child.page.busy else _HEARTBEAT):
            _kill(child, f"gave no sign of life for {silent:.1f} s")
        elif child.asked > child.answered:
            if now > child.asked + _ANSWER_WITHIN and not child.page.busy:
                _kill(child, "did not answer a query")
        elif now > child.asked + _ASK_EVERY:
            child.asked = now
            child.link.send(Message(channel.QUERY, _PROOF))

    # Ending

    def _gone(self, child: Child, now: float) -> None:
        with suppress(KeyError):  # it was heard to end
            self._selector.unregister(child.link)
        child.link.close()
        self.children.remove(child)
        self._pages.retire(child.slot)
        if child.phase != RETIRING:
            log.warning("worker %d ended while %s (%s)", child.process.pid, child.phase, _how(child.process.returncode))
            self._backoff.died(now - child.started, now)
        for successor in self.children:
            if successor.predecessor is child:
                successor.predecessor = None
                if successor.phase == TAKING:
                    self._open(successor, Message(channel.OPEN))
        self._changed()

    def stop(self) -> None:
        """End all: they finish TCP first, for a few seconds at most."""
        self._count = 0
        for child in self.children:
            child.process.terminate()
            child.predecessor = None
            child.enter(RETIRING)
        while self.children:
            self.step(0.05)
        self._selector.close()


def _kill(child: Child, why: str) -> None:
    log.warning("worker %d %s: killed", child.process.pid, why)
    child.process.kill()


def _how(returncode: int | None) -> str:
    return f"signal {-returncode}" if returncode and returncode < 0 else f"exit code {returncode}"
