"""The state folder: who holds it, who runs, and the snapshots from which workers start.

A snapshot (gslb.server.snapfile) is written beside its final name and renamed, so a reader sees a whole file or none;
fsync follows on a thread, because answering must not wait for a disk.
"""

import fcntl
import json
import logging
import os
import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from gslb.errors import SnapshotError, StateError
from gslb.server.processes import ProcessId
from gslb.server.snapfile import BASE, CHANGE, LEAVES, Snapshot, header, read_generation, read_snapshot

log = logging.getLogger("gslb.state")

_KINDS = {"leaves": LEAVES, "change": CHANGE}
_NAME = re.compile(r"(base|leaves|change)-(\d+)(?:-(\d+))?\.snap")


class FileLock:
    """An exclusive lock on a file that names its holder. It ends with its process and is not inherited."""

    def __init__(self, path: Path, what: str, held: int | None = None) -> None:
        """Take the lock, or go on holding it by the descriptor `held`. Raises StateError that says who holds it; `what`
        is the thing that is locked.
        """
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) if held is None else held
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self.fd, 32).decode(errors="replace").strip()
            os.close(self.fd)
            raise StateError(
                f"{what} is in use by process {holder or 'unknown'}",
                hint="stop that process first, or give this node its own state folder",
            ) from error
        os.truncate(self.fd, 0)
        os.pwrite(self.fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give it up."""
        os.close(self.fd)


class StateFolder:
    """Paths, locks, run file and snapshots of one node. The folder is made, for this user alone, if it is absent."""

    def __init__(self, path: str | Path) -> None:
        """Raises StateError where the folder cannot be made or written."""
        self.path = Path(path)
        self._syncing: ThreadPoolExecutor | None = None
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"state folder {self.path}: {error.strerror}") from error
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise StateError(f"state folder {self.path}: not writable for this user")

    @property
    def token_path(self) -> Path:
        """The API's token."""
        return self.path / "token"

    @property
    def database_path(self) -> Path:
        """The SQLite store."""
        return self.path / "gslb.sqlite"

    @property
    def pages_path(self) -> Path:
        """The shared pages of the workers."""
        return self.path / "pages"

    def ring_path(self, slot: int) -> Path:
        """Copies of what the worker of that slot answers."""
        return self.path / f"tap-{slot}.ring"

    def lock(self, held: int | None = None) -> FileLock:
        """Become the one node that runs on this folder, or stay it. Raises StateError that names the holder."""
        return FileLock(self.path / "lock", f"state folder {self.path}", held)

    def lock_publisher(self) -> FileLock:
        """Become the one process that publishes here. Raises StateError that names the holder."""
        return FileLock(self.path / "publisher", f"publishing in state folder {self.path}")

    # Snapshots

    def write_base(self, generation: int, payload: bytes) -> None:
        """Put a base on disk. Raises StateError (disk full, folder gone)."""
        self._write_snapshot(f"base-{generation}.snap", BASE, Snapshot(generation, payload))

    def write_leaves(self, base_generation: int, generation: int, payload: bytes) -> None:
        """Put the leaves of a base on disk, in the place of older ones. Raises StateError."""
        self._write_snapshot(f"leaves-{base_generation}.snap", LEAVES, Snapshot(generation, payload))

    def write_change(self, base_generation: int, since: int, generation: int, payload: bytes) -> None:
        """Put beside the leaves of a base what leads from generation `since` to a later one. Raises StateError."""
        self._write_snapshot(f"change-{base_generation}-{since}.snap", CHANGE, Snapshot(generation, payload))

    def remove_changes(self, base_generation: int) -> None:
        """Remove all changes of a base: the leaves beside them are newer."""
        for path in self.path.glob(f"change-{base_generation}-*.snap"):
            path.unlink(missing_ok=True)

    def read_base(self, generation: int) -> Snapshot:
        """Raises SnapshotError: absent, damaged, foreign."""
        return read_snapshot(self.path / f"base-{generation}.snap", BASE)

    def read_leaves(self, base_generation: int) -> Snapshot:
        """The newest leaves of a base. Raises SnapshotError: absent, damaged, foreign."""
        return read_snapshot(self.path / f"leaves-{base_generation}.snap", LEAVES)

    def read_change(self, base_generation: int, since: int) -> Snapshot | None:
        """What follows generation `since` of a base's leaves; None where nothing does. SnapshotError: damaged, foreign.

        The payload is for the leaves of exactly that generation.
        """
        path = self.path / f"change-{base_generation}-{since}.snap"
        try:
            return read_snapshot(path, CHANGE)
        except SnapshotError:
            if path.exists():
                raise
            return None

    def leaves_generation(self, base_generation: int) -> int:
        """What the header of a base's leaves says, so that they need not be read again. Raises SnapshotError."""
        return read_generation(self.path / f"leaves-{base_generation}.snap", LEAVES)

    def bases(self) -> list[int]:
        """Generations of the base files, newest first. They may be damaged: reading tells."""
        return sorted((generation for _, kind, generation, _ in self._snapshots() if kind == "base"), reverse=True)

    def newest(self) -> tuple[int, int] | None:
        """(base generation, leaves generation) of the newest pair whose checksums hold; damaged ones are logged."""
        for generation in self.bases():
            try:
                return self.read_base(generation).generation, self._last_of(generation)
            except SnapshotError as error:
                log.warning("ignored: %s", error)
        return None

    def _last_of(self, base_generation: int) -> int:
        """The generation at the end of the changes to a base's leaves, as far as they can be read."""
        generation = self.read_leaves(base_generation).generation
        with suppress(SnapshotError):
            while change := self.read_change(base_generation, generation):
                generation = change.generation
        return generation

    def last_generation(self) -> int:
        """The highest generation that any file names or holds; 0 where there is none."""
        highest = 0
        for path, kind, *named in self._snapshots():
            highest = max(highest, *named)
            if kind != "base":  # whose name says it all
                with suppress(SnapshotError):
                    highest = max(highest, read_snapshot(path, _KINDS[kind]).generation)
        return highest

    def clean(self, keep: Collection[int]) -> None:
        """Remove the snapshots of every base that is not in `keep`."""
        for path, _, generation, _ in self._snapshots():
            if generation not in keep:
                path.unlink(missing_ok=True)

    def _snapshots(self) -> list[tuple[Path, str, int, int]]:
        """Each file with its kind, the generation of its base, and for a change that of what it follows."""
        found = ((entry, _NAME.fullmatch(entry.name)) for entry in self.path.iterdir())
        return [(path, match[1], int(match[2]), int(match[3] or 0)) for path, match in found if match]

    def _write_snapshot(self, name: str, kind: bytes, snapshot: Snapshot) -> None:
        self._replace(name, header(kind, snapshot), snapshot.payload)
        self._syncing = self._syncing or ThreadPoolExecutor(1, "fsync")
        self._syncing.submit(_sync, self.path / name)

    # Run file

    def write_run(self, run: dict[str, Any]) -> None:
        """Note who runs, for whoever starts after a crash."""
        self._replace("run.json", json.dumps(run, indent=1).encode())

    def read_run(self) -> dict[str, Any]:
        """What the last run file says; empty where there is none that can be read."""
        try:
            run = json.loads((self.path / "run.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return run if isinstance(run, dict) else {}

    def remove_run(self) -> None:
        """Everything ended in order: nobody has to look for leftovers."""
        (self.path / "run.json").unlink(missing_ok=True)

    def _replace(self, name: str, *parts: bytes) -> None:
        temporary = self.path / f".{name}.tmp"
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.writelines(parts)
            temporary.rename(self.path / name)
        except OSError as error:
            raise StateError(f"{self.path / name} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Wait until what was written is on the disk."""
        if self._syncing:
            self._syncing.shutdown()
            self._syncing = None


def _sync(path: Path) -> None:
    try:
        for place in (path, path.parent):
            fd = os.open(place, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
    except FileNotFoundError:
        pass  # a newer snapshot has replaced it
    except OSError as error:
        log.error("%s may not be on disk yet: %s", path, error.strerror)


def process_ids(run: dict[str, Any], key: str) -> list[ProcessId]:
    """The processes under a key of the run file that still run."""
    entries = run.get(key) or []
    found = [ProcessId(*entry) for entry in entries if isinstance(entry, list) and len(entry) == 2]
    return [process for process in found if process.alive()]
