"""The history of health as an SQLite file: every change of a state, and when somebody watched.

It holds at most `keep` seconds and `limit` events; each write forgets a few of the oldest. A row of `runs` is a time
for which the events tell everything: what happened outside of them is not known.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from gslb.health.record import BASES, STATES, Event, History, Place, State, changes
from gslb.health.states import AddressState, MemberState, States
from gslb.store.database import Schema, open_database, transaction

FORGET = 1_000  # events, at least, that one write may remove
MOST_RUNS = 10_000
_LONGEST_CAUSE = 500
_PLACE = "pool, member, site, address, what"
_SCHEMA = f"""
CREATE TABLE places (
  id INTEGER PRIMARY KEY, pool TEXT NOT NULL, member TEXT NOT NULL, site TEXT NOT NULL, address TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN {BASES}), state TEXT NOT NULL CHECK (state IN {STATES}), UNIQUE ({_PLACE})
);
CREATE TABLE events (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, place INTEGER NOT NULL, before TEXT NOT NULL CHECK (before IN {STATES}),
  after TEXT NOT NULL CHECK (after IN {STATES}), cause TEXT NOT NULL
);
CREATE TABLE runs (id INTEGER PRIMARY KEY, began REAL NOT NULL, seen REAL NOT NULL);
"""
_FILE = Schema((_SCHEMA,), 1, "NORMAL", "its history")


class Publication(NamedTuple):
    """What was published at `at` (epoch seconds)."""

    at: float
    states: States


class Wanted(NamedTuple):
    """Which events are asked for; empty text means any. `above` and `below` are numbers of events that are not."""

    since: float = 0.0
    pool: str = ""
    member: str = ""
    site: str = ""
    limit: int = 100
    above: int = 0
    below: int = 1 << 62
    oldest_first: bool = False


class HistoryFile:
    """An open file, for one thread. Any call may raise sqlite3.Error; then nothing was changed."""

    def __init__(self, path: str, keep: float, limit: int) -> None:
        """Open or create it. Raises sqlite3.Error, OSError, StoreError (too new)."""
        self._keep = keep
        self._limit = limit
        self._run = 0  # the row of `runs` that grows; 0 until the first write
        self._connection = open_database(path, _FILE)
        try:
            self._numbers, self._recorded = self._read_places()
            self.kept = self._extent()
        except BaseException:
            self._connection.close()
            raise
        self.states = _states(self._numbers, self._recorded)  # as of the last event

    def append(self, publications: Sequence[Publication], now: float, *, gap: bool) -> int:
        """Write what changed from `states` to each publication, and that it was watched until `now`.

        With `gap`, the time from the last write to the first publication was not. Returns the number of events.
        """
        events: list[Event] = []
        states = self.states
        for publication in publications:
            events += changes(states, publication.states, publication.at)
            states = publication.states
        run = 0 if gap else self._run
        began = publications[0].at if publications else now
        fresh = self._new_numbers(events)
        numbers = {**self._numbers, **fresh} if fresh else self._numbers
        self._run, self.kept = transaction(
            self._connection, lambda: self._write(events, fresh, numbers, (run, min(began, now), now))
        )
        self._numbers, self.states = numbers, states
        self._recorded.update((numbers[event.place], event.after) for event in events)
        return len(events)

    def events(self, wanted: Wanted) -> list[Event]:
        """The newest events that fit, newest first; or the oldest, oldest first."""
        order = "ASC" if wanted.oldest_first else "DESC"
        rows = self._connection.execute(
            f"SELECT at, {_PLACE}, before, after, cause, events.id FROM events JOIN places ON places.id = place"  # noqa: S608
            " WHERE at >= :since AND :pool IN ('', pool) AND :member IN ('', member) AND :site IN ('', site)"
            f" AND events.id > :above AND events.id < :below ORDER BY events.id {order} LIMIT :limit",
            wanted._asdict(),
        )
        return [Event(*row) for row in rows]

    def extent(self) -> tuple[int, int]:
        """The numbers of the first and the last event; zeros where there is none."""
        first, last = self._connection.execute("SELECT min(id), max(id) FROM events").fetchone()
        return (first or 0, last or 0)

    def history(self) -> History:
        """Everything, for gslb.health.record; its moves are read as they are walked."""
        execute = self._connection.execute
        first = "SELECT place, before FROM events WHERE id IN (SELECT min(id) FROM events GROUP BY place)"
        return History(
            {number: place for place, number in self._numbers.items()},
            dict(execute(first).fetchall()),
            self._recorded,
            execute("SELECT at, place, after FROM events ORDER BY id"),
            execute("SELECT began, seen FROM runs").fetchall(),
        )

    def close(self) -> None:
        """Fold the write-ahead log into the file."""
        self._connection.close()

    def _read_places(self) -> tuple[dict[Place, int], dict[int, State]]:
        self._connection.execute("DELETE FROM places WHERE state = 'absent' AND id NOT IN (SELECT place FROM events)")
        numbers, recorded = {}, {}
        for number, *place, state in self._connection.execute(f"SELECT id, {_PLACE}, state FROM places"):  # noqa: S608
            numbers[Place(*place)] = number
            recorded[number] = state
        return numbers, recorded

    def _new_numbers(self, events: Sequence[Event]) -> dict[Place, int]:
        new = dict.fromkeys(event.place for event in events if event.place not in self._numbers)
        return dict(zip(new, count(max(self._recorded, default=0) + 1), strict=False)) if new else {}

    def _write(
        self,
        events: Sequence[Event],
        fresh: Mapping[Place, int],
        numbers: Mapping[Place, int],
        watched: tuple[int, float, float],
    ) -> tuple[int, int]:
        many = self._connection.executemany
        many(f"INSERT INTO places (id, {_PLACE}, state) VALUES (?, ?, ?, ?, ?, ?, 'absent')", _rows(fresh))  # noqa: S608
        many("UPDATE places SET state = ? WHERE id = ?", [(event.after, numbers[event.place]) for event in events])
        many(
            "INSERT INTO events (at, place, before, after, cause) VALUES (?, ?, ?, ?, ?)",
            [(e.at, numbers[e.place], e.before, e.after, e.cause[:_LONGEST_CAUSE]) for e in events],
        )
        run, began, now = watched
        if run:
            self._connection.execute("UPDATE runs SET seen = max(seen, ?) WHERE id = ?", (now, run))
        else:
            run = self._connection.execute("INSERT INTO runs (began, seen) VALUES (?, ?)", (began, now)).lastrowid or 0
        return run, self._forget(now, len(events))

    def _forget(self, now: float, written: int) -> int:
        """Remove a few of the oldest events where there are too many, or too old ones. Returns how many are left."""
        execute = self._connection.execute
        first, last = execute("SELECT min(id), max(id) FROM events").fetchone()
        horizon = now - self._keep
        if first is not None:
            cut, newest = execute(
                "SELECT max(id), max(at) FROM events WHERE id < ? AND (at < ? OR id <= ?)",
                (first + max(FORGET, 2 * written), horizon, last - self._limit),
            ).fetchone()
            if cut is not None:
                execute("DELETE FROM events WHERE id <= ?", (cut,))
                horizon = max(horizon, newest)
        # The states of the time before the oldest event are no longer known.
        execute("DELETE FROM runs WHERE seen < ? OR id <= (SELECT max(id) FROM runs) - ?", (horizon, MOST_RUNS))
        execute("UPDATE runs SET began = ? WHERE began < ?", (horizon, horizon))
        return self._extent()

    def _extent(self) -> int:
        """How many events there are: they are forgotten in the order of their numbers, without holes."""
        first, last = self.extent()
        return last - first + 1 if last else 0


def _rows(fresh: Mapping[Place, int]) -> list[tuple[Any, ...]]:
    return [(number, *place) for place, number in fresh.items()]


def _states(numbers: Mapping[Place, int], recorded: Mapping[int, State]) -> States:
    """The states that the places of a file describe."""
    members: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
    for place, number in numbers.items():
        if recorded[number] != "absent":
            addresses = members.setdefault((place.pool, place.member, place.site), {})
            addresses.setdefault(place.address, {})[place.what] = recorded[number]
    states: dict[str, dict[str, MemberState]] = {}
    for (pool, member, site), addresses in members.items():
        found = (
            AddressState(a, s.get("observed", "unknown"), s.get("effective", "unknown")) for a, s in addresses.items()
        )
        states.setdefault(pool, {})[member] = MemberState(member, site, tuple(found))
    return states
