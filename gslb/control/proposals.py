"""A zones folder that somebody proposes: read from where it is, or put on disk for as long as it is looked at."""

import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Final

from gslb.config.load import ZonesFiles, load_node
from gslb.control.line import Plan, load_plan
from gslb.control.plan import at_rest, compared
from gslb.control.whatif import Moment
from gslb.errors import ConfigError, RequestError, StateError

Json = dict[str, Any]

MOST_FILES: Final = 10_000
LARGEST: Final = 16 << 20  # octets of all files together
_LONGEST: Final = 255  # octets of one part of a name


def read_folder(folder: str) -> dict[str, str]:
    """The files of a zones folder, hidden ones left out, by their names relative to it. Raises RequestError."""
    root, size = Path(folder), 0
    found: dict[str, str] = {}
    try:
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if any(part[0] == "." for part in name.parts) or not path.is_file():
                continue
            found[name.as_posix()] = path.read_text(encoding="utf-8")
            size += path.stat().st_size
            if size > LARGEST:
                raise RequestError(f"{folder} is larger than {LARGEST >> 20} MiB", hint="plan on the node: --against")
    except UnicodeDecodeError:
        raise RequestError(f"{path} is not UTF-8", hint="the zones folder holds text alone") from None
    except OSError as error:
        raise RequestError(f"{error.filename or folder} cannot be read: {error.strerror}") from error
    if not found:
        raise RequestError(f"there is no file in {folder}", hint="--zones names a zones folder")
    return found


def plan_files(path: str, moment: Moment, files: Mapping[str, str], state: str) -> Json:
    """See gslb.control.plan: these files against what is served. `state` is where they may lie meanwhile.

    Raises ConfigError with places relative to the folder, GeoError, RequestError (a name that leads elsewhere),
    StateError.
    """
    for name in files:
        _require_plain(name)
    try:
        with TemporaryDirectory(prefix=".plan-", dir=state) as folder:
            for name, text in files.items():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            candidate = _loaded(path, ZonesFiles(Path(folder), alone=True))
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise RequestError(f"{name!r} is both a file and a folder", pointer="/files") from None
    except OSError as error:
        raise StateError(f"the files cannot be kept in {state}: {error.strerror}") from error
    return compared(moment, candidate)


def plan_folders(path: str, before: str, after: str) -> Json:
    """See gslb.control.plan: one folder against another, with no node; all counts as up. Raises as plan_files."""
    served, candidate = (_loaded(path, ZonesFiles(Path(folder))) for folder in (before, after))
    return compared(at_rest(served, time.time()), candidate)


def _require_plain(name: str) -> None:
    path = PurePosixPath(name)
    plain = name.isprintable() and str(path) == name and ".." not in path.parts and not path.is_absolute()
    longest = max((len(part.encode()) for part in path.parts), default=0) if plain else 0
    if not plain or name == "." or longest > _LONGEST or len(name.encode()) > 1000:
        raise RequestError(f"{name!r} is not the name of a file in a folder", pointer="/files")


def _loaded(path: str, files: ZonesFiles) -> Plan:
    path = str(Path(path).absolute())
    try:
        return load_plan(path, files)
    except ConfigError as error:
        prefix = f"{load_node(path).zones}/"
        nearer = [problem._replace(where=problem.where.removeprefix(prefix)) for problem in error.problems]
        raise ConfigError(nearer) from None
