"""The configurations that a node accepted last, kept as files; and which of them it is to serve.

    state/generations/000017/about.json    when it was accepted, by whom and why; its digest
    state/generations/000017/zones/        the zones folder as it was then; equal files of neighbours are one file
    state/generations/course.json          whether one is on trial, or was gone back to

Each is written beside its final name and renamed: after a crash it is there whole, or not at all.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from gslb.errors import ConflictError, NotFoundError, StateError

KEPT: Final = 20
_ABOUT: Final = "about.json"
_ZONES: Final = "zones"
_COURSE: Final = "course.json"


class Generation(NamedTuple):
    """One accepted configuration; `at` is in epoch seconds, `before` the number of what it came after (0: no copy)."""

    number: int
    digest: str
    at: float
    who: str
    why: str = ""
    before: int = 0


class Pin(NamedTuple):
    """Generation `number` is served whatever the zones folder on disk says, since somebody went back to it at `at`."""

    number: int
    left: str  # the digest of what was served before
    at: float
    who: str
    why: str


class Trial(NamedTuple):
    """Generation `number` is served until the epoch second `until`; if nobody confirms it, `back` comes after it."""

    number: int
    back: int
    until: float
    who: str


class Course(NamedTuple):
    """What is to be served other than the zones folder on disk, if anything."""

    pin: Pin | None = None
    trial: Trial | None = None

    def number(self, now: float) -> int:
        """The generation that a node starts with at `now`; 0: the zones folder on disk."""
        if self.trial:
            return self.trial.number if now < self.trial.until else self.trial.back
        return self.pin.number if self.pin else 0


class Generations:
    """Those of one node. Methods raise StateError where files cannot be written; call them in a thread."""

    def __init__(self, state: str) -> None:
        self._folder = Path(state) / "generations"

    def kept(self) -> list[Generation]:
        """All of them, the newest first; what cannot be understood is left out."""
        return sorted(self._read(), reverse=True)

    def files(self, number: int) -> Path:
        """The zones folder of a generation."""
        return self._folder / f"{number:06}" / _ZONES

    def find(self, digest: str, current: int) -> Generation:
        """The newest with a digest that begins so; without a digest, what was served before `current` was accepted.

        Raises NotFoundError, ConflictError (several digests begin so).
        """
        kept = self.kept()
        if not digest:
            former = {one.before for one in kept if one.number == current}
            earlier = [one for one in kept if one.number < current or not current]
            found = [one for one in earlier if one.number in former] or earlier
            if not found:
                raise NotFoundError("no configuration from before this one is kept", hint="gslb rollback --list")
            return found[0]
        found = [one for one in kept if one.digest.startswith(digest)]
        if not found:
            raise NotFoundError(f"no configuration {digest!r} is kept", pointer="/digest", hint="gslb rollback --list")
        if len({one.digest for one in found}) > 1:
            raise ConflictError(f"several configurations begin with {digest!r}", pointer="/digest", hint="write more")
        return found[0]

    def add(self, generation: Generation, files: Mapping[str, bytes], spare: Collection[int] = ()) -> Generation:
        """Keep one more, numbered after the newest; the oldest go, but none of those to `spare`."""
        kept = self.kept()
        before = kept[0].number if kept else 0
        made = generation._replace(number=before + 1)
        beside = self._folder / ".new"
        try:
            shutil.rmtree(beside, ignore_errors=True)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.mkdir(mode=0o700)
            (beside / _ZONES).mkdir(mode=0o700)
            for name, octets in files.items():
                if not name.startswith("../"):  # what is elsewhere stays there
                    _put(beside / _ZONES / name, octets, self.files(before) / name)
            _write(beside / _ABOUT, json.dumps(made._asdict()).encode())
            beside.rename(self._folder / f"{made.number:06}")
            _sync(self._folder)
            for old in kept[KEPT - 1 :]:
                if old.number not in spare:
                    shutil.rmtree(self._folder / f"{old.number:06}")
        except OSError as error:
            raise StateError(f"{self._folder} cannot be written: {error.strerror}") from error
        return made

    def course(self) -> Course:
        """What was written last; nothing where it cannot be understood."""
        try:
            read = json.loads((self._folder / _COURSE).read_bytes())
            pin, trial = read["pin"], read["trial"]
            return Course(Pin(**pin) if pin else None, Trial(**trial) if trial else None)
        except (OSError, ValueError, TypeError, KeyError):
            return Course()

    def set_course(self, course: Course) -> None:
        """Serve this from now on, after a restart too."""
        values: dict[str, Any] = {key: one and one._asdict() for key, one in course._asdict().items()}
        beside = self._folder / f".{_COURSE}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(beside, json.dumps(values).encode())
            beside.rename(self._folder / _COURSE)
            _sync(self._folder)
        except OSError as error:
            raise StateError(f"{self._folder} cannot be written: {error.strerror}") from error

    def _read(self) -> Iterator[Generation]:
        for path in self._folder.glob(f"[0-9]*/{_ABOUT}"):
            try:
                yield Generation(**json.loads(path.read_bytes()))
            except (OSError, ValueError, TypeError):
                continue


def _put(file: Path, octets: bytes, former: Path) -> None:
    """Write a file, or link the one of the generation before where it is the same: a large zone is kept once."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if former.read_bytes() == octets:
            os.link(former, file)
            return
    except OSError:
        pass  # there is none, or the file system has no links
    _write(file, octets)


def _write(file: Path, octets: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(octets)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
