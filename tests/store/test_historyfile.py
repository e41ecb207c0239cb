"""The file of the history: real SQLite files."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from gslb.errors import StoreError
from gslb.health.record import Event, State, report
from gslb.health.states import AddressState, MemberState, States, Verdict
from gslb.store import historyfile
from gslb.store.historyfile import HistoryFile, Publication, Wanted

KEEP = 31 * 86_400.0
ALL = Wanted(limit=1000)


def states(**verdicts: Verdict) -> States:
    """One pool whose members have one address each; observed and effective are the same."""
    return {
        "web": {
            name: MemberState(name, name, (AddressState("192.0.2.1", verdict, verdict, f"why {verdict}"),))
            for name, verdict in verdicts.items()
        }
    }


def told(file: HistoryFile) -> list[tuple[float, str, State, State]]:
    """What was observed, oldest first."""
    events = reversed(file.events(ALL))
    return [(e.at, e.member, e.before, e.after) for e in events if e.what == "observed"]


def rows(path: str, sql: str) -> list[tuple[float, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "history.db")


@pytest.fixture
def file(path: str) -> Iterator[HistoryFile]:
    opened = HistoryFile(path, KEEP, 1000)
    yield opened
    opened.close()


def write(file: HistoryFile, moments: Mapping[float, States], *, gap: bool = False) -> int:
    return file.append([Publication(*item) for item in moments.items()], max(moments) + 1, gap=gap)


def test_changes_are_kept_with_place_and_cause(file: HistoryFile) -> None:
    assert write(file, {10: states(tokyo="up"), 20: states(tokyo="down"), 30: states(tokyo="down")}) == 4
    newest, _, oldest, _ = file.events(ALL)
    place = ("web", "tokyo", "tokyo", "192.0.2.1")
    assert newest == Event(20.0, *place, "effective", "up", "down", "why down", 4)
    assert oldest == Event(10.0, *place, "effective", "absent", "up", "why up", 2)
    assert file.kept == 4


def test_a_restart_adds_only_what_has_changed(path: str, file: HistoryFile) -> None:
    write(file, {10: states(tokyo="up", osaka="up", kyoto="down")})
    file.close()
    again = HistoryFile(path, KEEP, 1000)
    assert write(again, {100: states(tokyo="up", osaka="down", kyoto="down")}) == 2
    assert write(again, {110: states(tokyo="up", kyoto="down")}) == 2
    assert told(again)[3:] == [(100, "osaka", "up", "down"), (110, "osaka", "down", "absent")]
    assert again.kept == 10
    again.close()


def test_the_time_between_two_runs_is_not_watched(path: str, file: HistoryFile) -> None:
    write(file, {10: states(tokyo="up")})
    file.append([], 50, gap=False)
    file.close()
    again = HistoryFile(path, KEEP, 1000)
    write(again, {100: states(tokyo="up")})
    again.append([], 160, gap=False)
    assert rows(path, "SELECT began, seen FROM runs") == [(10, 50), (100, 160)]
    figures = report(again.history(), 160)[0].observed
    assert (figures.up, figures.down) == (100, 0)
    again.close()


def test_a_gap_begins_another_run(path: str, file: HistoryFile) -> None:
    write(file, {10: states(tokyo="up")})
    write(file, {100: states(tokyo="down")}, gap=True)
    assert rows(path, "SELECT began, seen FROM runs") == [(10, 11), (100, 101)]


def test_the_history_is_what_report_wants(file: HistoryFile) -> None:
    write(file, {10: states(tokyo="up"), 40: states(tokyo="down"), 50: states(tokyo="up")})
    file.append([], 110, gap=False)
    member = report(file.history(), 110)[0]
    assert (member.by, member.pool, member.member, member.site) == ("member", "web", "tokyo", "tokyo")
    assert member.observed == member.effective == (90, 10, 1)


@pytest.mark.parametrize(
    ("wanted", "members"),
    [
        (Wanted(), ["kyoto", "kyoto", "osaka", "osaka", "tokyo", "tokyo"]),
        (Wanted(limit=3), ["kyoto", "kyoto", "osaka"]),
        (Wanted(since=20), ["kyoto", "kyoto", "osaka", "osaka"]),
        (Wanted(member="osaka"), ["osaka", "osaka"]),
        (Wanted(site="tokyo", since=5), ["tokyo", "tokyo"]),
        (Wanted(pool="mail"), []),
    ],
)
def test_events_by_time_and_place(file: HistoryFile, wanted: Wanted, members: list[str]) -> None:
    write(
        file,
        {
            10: states(tokyo="up"),
            20: states(tokyo="up", osaka="up"),
            30: states(tokyo="up", osaka="up", kyoto="up"),
        },
    )
    assert [event.member for event in file.events(wanted)] == members


def flap(file: HistoryFile, times: int, *, start: float, step: float = 1.0) -> None:
    """So many changes, two events each, one by one."""
    verdicts: tuple[Verdict, Verdict] = ("up", "down")
    for turn in range(times):
        write(file, {start + turn * step: states(tokyo=verdicts[turn % 2])})


def test_old_events_are_forgotten(path: str) -> None:
    with closing(HistoryFile(path, 100.0, 1000)) as file:
        flap(file, 10, start=0)
        write(file, {105: states(tokyo="up")})
        assert min(event.at for event in file.events(ALL)) == 6
        assert file.kept == len(file.events(ALL)) == 10
        assert rows(path, "SELECT began, seen FROM runs") == [(6, 106)]


def test_more_events_than_the_limit_are_forgotten_with_what_they_told(path: str) -> None:
    with closing(HistoryFile(path, KEEP, 10)) as file:
        flap(file, 20, start=0)
        assert file.kept == len(file.events(ALL)) == 10
        assert min(event.at for event in file.events(ALL)) == 15
        figures = report(file.history(), 20)[0].observed
        assert rows(path, "SELECT began, seen FROM runs") == [(14, 20)]
        assert figures == (3, 3, 3)


def test_what_has_not_changed_for_long_is_known_still(path: str) -> None:
    with closing(HistoryFile(path, 100.0, 1000)) as file:
        write(file, {0: states(tokyo="up", osaka="down")})
        for moment in range(1, 200):
            file.append([], moment * 10, gap=False)
        assert file.kept == 0
        shown = {row.member: row.observed for row in report(file.history(), 1990) if row.by == "member"}
        assert shown["tokyo"] == (100, 0, 0)
        assert shown["osaka"] == (0, 100, 1)
        write(file, {2000: states(tokyo="down", osaka="down")})
        assert told(file) == [(2000, "tokyo", "up", "down")]


def test_one_write_forgets_a_bounded_number(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(historyfile, "FORGET", 4)
    with closing(HistoryFile(path, 100.0, 1000)) as file:
        flap(file, 10, start=0)
        file.append([], 500, gap=False)
        assert file.kept == 16
        for _ in range(4):
            file.append([], 500, gap=False)
        assert file.kept == 0


def test_runs_are_bounded(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(historyfile, "MOST_RUNS", 3)
    with closing(HistoryFile(path, KEEP, 1000)) as file:
        for moment in range(10, 100, 10):
            write(file, {moment: states(tokyo="up")}, gap=True)
    assert rows(path, "SELECT began FROM runs") == [(70,), (80,), (90,)]


def test_places_that_are_gone_are_forgotten_with_their_events(path: str) -> None:
    with closing(HistoryFile(path, 100.0, 1000)) as file:
        write(file, {0: states(tokyo="up", osaka="up"), 10: states(tokyo="up")})
        file.append([], 500, gap=False)
    HistoryFile(path, 100.0, 1000).close()
    assert rows(path, "SELECT member FROM places") == [("tokyo",), ("tokyo",)]


def test_a_write_that_fails_changes_nothing_and_may_be_repeated(path: str, file: HistoryFile) -> None:
    write(file, {10: states(tokyo="up")})
    file._connection.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write(file, {20: states(tokyo="down", osaka="up")})
        other.execute("ROLLBACK")
    assert write(file, {20: states(tokyo="down", osaka="up")}) == 4
    assert told(file)[1:] == [(20, "tokyo", "up", "down"), (20, "osaka", "absent", "up")]


def test_a_long_cause_is_cut(file: HistoryFile) -> None:
    state = AddressState("192.0.2.1", "down", "down", "x" * 10_000)
    write(file, {10: {"web": {"m": MemberState("m", "tokyo", (state,))}}})
    assert {len(event.cause) for event in file.events(ALL)} == {500}


def test_a_newer_schema_is_refused(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreError, match="newer gslb"):
        HistoryFile(path, KEEP, 1000)


def test_what_no_version_of_ours_wrote_is_refused(path: str, file: HistoryFile) -> None:
    write(file, {10: states(tokyo="up")})
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE events SET after = 'sideways'")


def test_a_file_of_the_next_version_is_written_on(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = historyfile._FILE
    newer = "ALTER TABLE events ADD COLUMN weather TEXT DEFAULT 'sunny'; CREATE TABLE storms (n INTEGER);"
    monkeypatch.setattr(historyfile, "_FILE", ours._replace(steps=(*ours.steps, newer)))
    for schema, at, verdict in ((historyfile._FILE, 10, "up"), (ours, 20, "down"), (historyfile._FILE, 30, "up")):
        monkeypatch.setattr(historyfile, "_FILE", schema)
        with closing(HistoryFile(path, KEEP, 1000)) as file:
            assert write(file, {at: states(tokyo=verdict)}) == 2
    assert rows(path, "SELECT DISTINCT weather FROM events") == [("sunny",)]
    with closing(HistoryFile(path, KEEP, 1000)) as file:
        assert [at for at, *_ in told(file)] == [10, 20, 30]
