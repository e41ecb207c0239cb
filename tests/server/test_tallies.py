"""Rows in real files, of this process and of one that has ended."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gslb.server.tallies import Ledger, Sheet, Tallied, packed
from gslb.table.entries import Base
from gslb.table.rows import Rows, labels_of, zeroed
from tests.conftest import ENVIRONMENT
from tests.support import config, table

APEX, WWW = "gslb.example.com.", "www.gslb.example.com."
NOTHING = Tallied({}, {})
TOKYO_A = ("A", "tokyo")


@pytest.fixture
def base() -> Base:
    return table(config()).base


def count(base: Base, rows: Rows, times: int = 1, row: int = 2, place: tuple[str, str] = TOKYO_A) -> None:
    columns = [(column.type, column.site) for column in labels_of(base).columns]
    rows[row][len(columns) - 1 - columns[::-1].index(place)] += times


def ledger(base: Base) -> Ledger:
    made = Ledger()
    made.follow(base)
    return made


def test_what_a_worker_counted_is_added_up_once(base: Base, tmp_path: Path) -> None:
    rows = zeroed(base)
    sheet, sums = Sheet(tmp_path, base, rows), ledger(base)
    sums.read(tmp_path)
    assert sums.sums == NOTHING
    count(base, rows, 3)
    sheet.step()
    for _ in range(2):
        sums.read(tmp_path)
        assert sums.sums == Tallied({(APEX, "A"): 3}, {(APEX, WWW, "tokyo"): 3})
    count(base, rows, 4)
    count(base, rows, 5, row=1, place=("A", ""))
    count(base, rows, 6, row=1)  # of a name beyond those that have a row
    sheet.close()
    sums.read(tmp_path)
    assert sums.sums == Tallied(
        {(APEX, "A"): 18}, {(APEX, WWW, "tokyo"): 7, (APEX, "other", "tokyo"): 6, (APEX, "other", ""): 5}
    )


def test_a_large_table_is_written_in_turns(base: Base, tmp_path: Path) -> None:
    rows = [[0] * 28 for _ in range(200)]
    sheet = Sheet(tmp_path, base, rows)
    (path,) = tmp_path.iterdir()
    rows[150][7] = 1
    lengths = []
    for _ in range(4):
        sheet.step()
        lengths.append(path.stat().st_size)
    assert lengths == [16, 16, 16 + 151 * 28 * 8, 16 + 151 * 28 * 8]
    rows[0][0] = 1
    sheet.step()
    assert path.read_bytes()[16] == 1
    sheet.close()


def test_what_the_gone_counted_stays_and_their_file_goes(base: Base, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from gslb.server.tallies import Sheet; from gslb.table.rows import zeroed\n"
        "from tests.support import config, table\n"
        "base = table(config()).base; rows = zeroed(base); sheet = Sheet(Path(sys.argv[1]), base, rows)\n"
        "rows[1][1] = 9; sheet.close()"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, env=ENVIRONMENT)
    (tmp_path / "counts-foreign").write_bytes(b"x" * 40)
    sums = ledger(base)
    sums.read(tmp_path)
    assert list(tmp_path.iterdir()) == []
    sums.read(tmp_path)
    assert sums.sums == Tallied({(APEX, "A"): 9}, {})


def test_rows_of_a_base_that_is_not_known_wait_for_it(base: Base, tmp_path: Path) -> None:
    rows = zeroed(base)
    sheet, sums = Sheet(tmp_path, base, rows), Ledger()
    count(base, rows)
    sheet.close()
    sums.read(tmp_path)
    assert sums.sums == NOTHING
    sums.follow(base)
    sums.read(tmp_path)
    assert sums.sums.answers == {(APEX, WWW, "tokyo"): 1}


def test_labels_of_old_bases_are_forgotten(base: Base) -> None:
    sums = ledger(base)
    for number in range(4):
        sums.follow(table(config([f"host{number} 60 A 192.0.2.1"])).base)
    rows = zeroed(base)
    count(base, rows)
    sums.note("one", base.digest, packed(rows))
    assert sums.sums == NOTHING


def test_a_folder_that_cannot_be_written_costs_the_figures_only(
    base: Base, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = zeroed(base)
    with caplog.at_level(logging.ERROR):
        sheet = Sheet(tmp_path / "missing", base, rows)
    assert "No such file or directory" in caplog.text
    count(base, rows)
    sheet.step()
    sheet.close()


def test_a_full_disk_is_told_once(base: Base, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = zeroed(base)
    sheet = Sheet(tmp_path, base, rows)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, sheet._fd)
    os.close(full)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            count(base, rows)
            sheet.step()
    assert caplog.text.count("No space left on device") == 1
