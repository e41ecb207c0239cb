"""The oracle client: what every node answered, when, and how much of it was wrong."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.e2e.lab.asker import PATIENCE, RECORD
from tests.e2e.lab.host import Host
from tests.e2e.lab.truth import Judge, Limits, Truth

_ASKER = Path(__file__).with_name("asker.py")
_SERVFAIL = 2


class Answer(NamedTuple):
    """One attempt. Times are monotonic; `received` 0.0 and `rcode` None where no answer came."""

    question: int
    attempt: int
    node: str
    sent: float
    received: float
    rcode: int | None
    addresses: tuple[str, ...]


class Fault(NamedTuple):
    """What was wrong with an answer, and at which addresses."""

    kind: str
    answer: Answer
    addresses: Sequence[str]


class Episode(NamedTuple):
    """A live, undrained address that a node stopped answering for: from the first to the last such answer."""

    node: str
    address: str
    begun: float
    ended: float


class Figures(NamedTuple):
    """A stretch of time. `answered` counts first attempts, `available` questions with one retry elsewhere."""

    asked: int
    lost: int
    servfail: int
    answered: float
    available: float
    p50: float
    p99: float

    def __str__(self) -> str:
        return (
            f"{self.asked} asked, {self.lost} lost, {self.servfail} SERVFAIL, {self.answered:.4%} answered,"
            f" {self.available:.4%} with one retry, median {self.p50 * 1e3:.2f} ms, p99 {self.p99 * 1e3:.2f} ms"
        )


class Oracle:
    """Asks from its host at a rate: `with lab.oracle(rate=100) as oracle: ...`; read it during that or afterwards."""

    def __init__(self, host: Host, nodes: dict[str, str], truth: Truth, file: Path) -> None:
        """`nodes` are the DNS addresses by the names of the nodes."""
        self._host = host
        self._nodes = nodes
        self._truth = truth
        self._file = file
        self._kinds: list[tuple[int | None, tuple[str, ...]]] = [(None, ())]
        self._read = [0, 0]  # bytes of both files so far
        self._log: list[Answer] = []

    def start(self, rate: float, name: str) -> "Oracle":
        """Ask that many questions per second, in turn of every node. Returns when the first answer is there."""
        argv = (sys.executable, "-m", "tests.e2e.lab.asker", str(self._file), str(rate), name, *self._nodes.values())
        self._host.start(*argv)
        deadline = time.monotonic() + 10
        while not self.log:
            assert time.monotonic() < deadline, self._host.messages()
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """Wait for what is under way, then end."""
        self._host.terminate(2 * PATIENCE + 5)
        assert self.log, self._host.messages()

    def __enter__(self) -> "Oracle":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> list[Answer]:
        """Every attempt that is over, by the time of its end; new ones come a tenth of a second late."""
        names = list(self._nodes)
        with self._file.open("rb") if self._file.exists() else open("/dev/null", "rb") as file:  # noqa: PTH123
            file.seek(self._read[0])
            fresh = file.read()
        fresh = fresh[: len(fresh) // RECORD.size * RECORD.size]
        self._read[0] += len(fresh)
        records = list(RECORD.iter_unpack(fresh))
        if records:
            self._read_kinds()
        for question, attempt, server, kind, sent, received in records:
            self._log.append(Answer(question, attempt, names[server], sent, received, *self._kinds[kind]))
        return self._log

    def _read_kinds(self) -> None:
        with Path(f"{self._file}.answers").open("rb") as file:
            file.seek(self._read[1])
            for line in file:
                if line.endswith(b"\n"):
                    self._read[1] += len(line)
                    rcode, addresses = json.loads(line)
                    self._kinds.append((rcode, tuple(addresses)))

    def between(self, begin: float = 0.0, end: float = float("inf")) -> Iterator[Answer]:
        """Attempts that were sent in that time."""
        return (answer for answer in self.log if begin <= answer.sent < end)

    def faults(self, limits: Limits, begin: float = 0.0, end: float = float("inf")) -> list[Fault]:
        """Everything that was wrong by the truth; of NOERROR answers alone. `missing` is for false_failovers().

        What was right when the answer came is not wrong: it may have been given a moment after the query was sent.
        """
        judge = Judge(self._truth, limits)
        return [
            Fault(kind, answer, addresses)
            for answer in self.between(begin, end)
            if answer.rcode == 0
            for kind, addresses in judge.faults(answer.addresses, answer.sent).items()
            if kind in judge.faults(answer.addresses, answer.received)
        ]

    def wrong(self, limits: Limits, begin: float = 0.0, end: float = float("inf")) -> list[Fault]:
        """Answers that sent somebody to a dead or drained address, or nowhere."""
        return [fault for fault in self.faults(limits, begin, end) if fault.kind != "missing"]

    def false_failovers(self, limits: Limits, begin: float = 0.0, end: float = float("inf")) -> list[Episode]:
        """One for each time that a node stopped answering for an address that lived all the while."""
        judge = Judge(self._truth, limits)
        open_now: dict[tuple[str, str], Episode] = {}
        found: list[Episode] = []
        for answer in sorted(self.between(begin, end), key=lambda answer: answer.sent):
            if answer.rcode != 0:
                continue
            missing = judge.faults(answer.addresses, answer.sent).get("missing", ())
            for address in self._truth.addresses:
                key = answer.node, address
                if address in missing:
                    before = open_now.get(key) or Episode(*key, answer.sent, answer.sent)
                    open_now[key] = before._replace(ended=answer.sent)
                elif key in open_now:
                    found.append(open_now.pop(key))
        return sorted([*found, *open_now.values()], key=lambda episode: episode.begun)

    def last_with(self, address: str, before: float, node: str | None = None) -> float:
        """When the last answer with an address was asked for, of those sent before a moment; 0.0 if there is none."""
        asks = (a for a in self.between(0.0, before) if node in (None, a.node) and address in a.addresses)
        return max((answer.sent for answer in asks), default=0.0)

    def first_with(self, address: str, after: float, node: str | None = None) -> float:
        """When the first answer with an address was asked for, of those sent after a moment; inf if there is none."""
        asks = (a for a in self.between(after) if node in (None, a.node) and address in a.addresses)
        return min((answer.sent for answer in asks), default=float("inf"))

    def latest(self) -> dict[str, frozenset[str]]:
        """What each node answered last, as far as it answered."""
        newest: dict[str, Answer] = {}
        for answer in self.log[-100 * len(self._nodes) :]:
            if answer.rcode == 0 and answer.sent >= newest.get(answer.node, answer).sent:
                newest[answer.node] = answer
        return {node: frozenset(answer.addresses) for node, answer in newest.items()}

    def figures(
        self, begin: float = 0.0, end: float = float("inf"), chosen: Callable[[Answer], bool] = bool
    ) -> Figures:
        """Of the questions that were first asked in that time, and are `chosen`; latencies 0.0 where none came."""
        first = [answer for answer in self.between(begin, end) if answer.attempt == 0 and chosen(answer)]
        good = {answer.question for answer in first if _helped(answer)}
        again = {answer.question for answer in self.log if answer.attempt and _helped(answer)}
        waits = sorted(answer.received - answer.sent for answer in first if answer.received) or [0.0]
        available = sum(answer.question in good or answer.question in again for answer in first)
        return Figures(
            asked=len(first),
            lost=sum(answer.rcode is None for answer in first),
            servfail=sum(answer.rcode == _SERVFAIL for answer in first),
            answered=len(good) / max(len(first), 1),
            available=available / max(len(first), 1),
            p50=waits[len(waits) // 2],
            p99=waits[len(waits) * 99 // 100],
        )

    def intervals(self, seconds: float) -> list[tuple[float, Figures]]:
        """The figures of one stretch after another, each with its begin."""
        times = [answer.sent for answer in self.log]
        begun, count = min(times), int((max(times) - min(times)) / seconds) + 1
        starts = [begun + number * seconds for number in range(count)]
        return [(start, self.figures(start, start + seconds)) for start in starts]


def _helped(answer: Answer) -> bool:
    return answer.rcode is not None and answer.rcode != _SERVFAIL
