"""Copies of configurations on disk: bounded, whole or absent, shared where equal, and found again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gslb.control.generations import KEPT, Course, Generation, Generations, Pin, Trial
from gslb.errors import ConflictError, NotFoundError, StateError

FILES = {"web.yaml": b"zones: {}\n", "include/big.zone": b"x" * 1000, "../outside.pem": b"secret"}


def made(digest: str, at: float = 5.0) -> Generation:
    return Generation(0, digest, at, "ann", "CHG-1")


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    return Generations(str(tmp_path / "state"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_kept_at_first(generations: Generations) -> None:
    assert (generations.kept(), generations.course(), generations.course().number(5.0)) == ([], Course(), 0)


def test_files_are_kept_as_they_are_but_for_those_of_other_folders(generations: Generations) -> None:
    one = generations.add(made("aa"), FILES)
    assert one == Generation(1, "aa", 5.0, "ann", "CHG-1")
    assert generations.kept() == [one]
    assert contents(generations.files(1)) == {name: FILES[name] for name in ("web.yaml", "include/big.zone")}
    folder = generations.files(1)
    paths = [folder.parent.parent, folder.parent, folder, *(path for path in folder.rglob("*") if path.is_file())]
    assert {path.stat().st_mode & 0o077 for path in paths} == {0}


def test_equal_files_are_kept_once_and_the_oldest_go(generations: Generations) -> None:
    for at in range(KEPT + 5):
        generations.add(made(f"{at:02}"), {**FILES, "web.yaml": b"%d" % at})
    kept = generations.kept()
    assert [one.number for one in kept] == list(range(KEPT + 5, 5, -1))
    folders = [generations.files(one.number) for one in kept]
    assert len({(folder / "include/big.zone").stat().st_ino for folder in folders}) == 1
    assert len({(folder / "web.yaml").read_bytes() for folder in folders}) == KEPT


def test_some_are_spared(generations: Generations) -> None:
    for at in range(KEPT + 3):
        generations.add(made(f"{at:02}"), FILES, spare={1})
    numbers = [one.number for one in generations.kept()]
    assert (len(numbers), numbers[-2:]) == (KEPT + 1, [4, 1])


def test_without_links_files_are_written(generations: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    generations.add(made("aa"), FILES)
    generations.add(made("bb"), FILES)
    assert contents(generations.files(2)) == contents(generations.files(1))


def test_finding(generations: Generations) -> None:
    for digest in ("aa11", "ab22", "aa11", "ac33"):
        generations.add(made(digest), FILES)
    assert generations.find("", 4).number == 3
    assert generations.find("", 2).number == 1
    assert generations.find("aa", 4).number == 3
    generations.add(made("b044")._replace(before=2), FILES)
    assert generations.find("", 5).number == 2  # what came between them was left for something earlier
    generations.add(made("b155")._replace(before=9), FILES)
    assert generations.find("", 6).number == 5
    assert generations.find("", 0).number == 6  # of what is served there is no copy
    with pytest.raises(NotFoundError, match="before this one"):
        generations.find("", 1)
    with pytest.raises(NotFoundError, match="'ff' is kept"):
        generations.find("ff", 4)
    with pytest.raises(ConflictError, match="several"):
        generations.find("a", 4)


def test_the_course_is_kept(generations: Generations, tmp_path: Path) -> None:
    pin, trial = Pin(3, "aa", 5.0, "ann", "why"), Trial(4, 2, 100.0, "ann")
    for course in (Course(pin), Course(None, trial), Course(pin, trial), Course()):
        generations.set_course(course)
        assert Generations(str(tmp_path / "state")).course() == course
    assert [Course(None, trial).number(now) for now in (99.0, 100.0)] == [4, 2]
    assert Course(pin).number(0.0) == 3


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"pin": {"number": 1}, "trial": null}', '{"pin": 1, "trial": 2}']
)
def test_what_cannot_be_understood_is_nothing(generations: Generations, tmp_path: Path, text: str) -> None:
    generations.add(made("aa"), FILES)
    (tmp_path / "state/generations/course.json").write_text(text)
    (tmp_path / "state/generations/000001/about.json").write_text(text)
    assert (generations.course(), generations.kept()) == (Course(), [])


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "generations").write_text("in the way")
    for write in (lambda g: g.add(made("aa"), FILES), lambda g: g.set_course(Course(Pin(1, "aa", 5.0, "ann", "")))):
        with pytest.raises(StateError, match="generations cannot be written"):
            write(Generations(str(tmp_path)))


KILLED = """
import os, sys
from gslb.control.generations import Generation, Generations
after, count = int(sys.argv[2]), 0
def stop(event, _):
    global count
    if event in ("os.rename", "open", "os.mkdir", "os.remove", "os.rmdir", "os.link"):
        count += 1
        if count == after:
            os._exit(9)
sys.addaudithook(stop)
Generations(sys.argv[1]).add(Generation(0, "bb", 6.0, "ann"), {"web.yaml": b"new", "more.yaml": b"more"})
"""


def test_a_crash_at_any_moment_leaves_whole_copies(generations: Generations, tmp_path: Path) -> None:
    generations.add(made("aa"), {"web.yaml": b"old"})
    state, after = str(tmp_path / "state"), 0
    while True:
        after += 1
        done = subprocess.run([sys.executable, "-c", KILLED, state, str(after)], timeout=30, check=False)
        for one in generations.kept():
            whole = {"web.yaml": b"old"} if one.digest == "aa" else {"web.yaml": b"new", "more.yaml": b"more"}
            assert contents(generations.files(one.number)) == whole
        if done.returncode == 0:
            break
    assert after > 5
    assert {one.digest for one in generations.kept()} == {"aa", "bb"}
