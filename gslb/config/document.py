"""YAML as plain values that remember where they stood, and the problems found in them.

A `Builder` takes what a YAML parser reads, piece by piece, and refuses YAML's traps: what looks like text and is
read as something else. It never recurses, so a hostile file cannot exhaust the stack.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from gslb.errors import ConfigError, Problem

MAX_DEPTH: Final = 32
MAX_COMPARED: Final = 1000  # words

Mark = tuple[int, int]  # line and column, from 1
Path = tuple[str | int, ...]
START: Final = (1, 1)

_SWITCH = re.compile(r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?")
_ODD_NUMBER = re.compile(
    r"[-+]?(?:0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*|\.(?:inf|Inf|INF|nan|NaN|NAN))"
)
_NULL: Final = ("", "~", "null", "Null", "NULL")
_WORDS: Final = {
    **dict.fromkeys(_NULL),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class MarkedMap(dict[str, object]):
    """A mapping; `marks` holds the place of each key and of its value."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        super().__init__()
        self.marks: dict[str, tuple[Mark, Mark]] = {}


class MarkedList(list[object]):
    """A list; `marks` holds the place of each item."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[Mark] = []


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: the name by which messages call it, and what it holds; `whole` = the file could be read."""

    file: str
    value: object
    whole: bool = True

    def find(self, path: Path, *, key: bool = False) -> tuple[int, Mark]:
        """(how many steps of `path` this file has, the place of the last of them).

        The place of an entry is that of its value where that is a scalar, else (or with `key`) that of its key.
        """
        value, mark = self.value, START
        for depth, step in enumerate(path):
            if isinstance(value, MarkedMap) and isinstance(step, str) and step in value:
                marks = value.marks[step]
                value = value[step]
                mark = marks[0] if key or isinstance(value, (dict, list)) else marks[1]
            elif isinstance(value, MarkedList) and isinstance(step, int) and step < len(value):
                mark, value = value.marks[step], value[step]
            else:
                return depth, mark
        return len(path), mark


@dataclass(slots=True)
class Findings:
    """Every problem and warning found in a set of documents."""

    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    trapped: set[str] = field(default_factory=set)  # places with a problem that would cause others there

    def about(self, document: Document) -> "Findings":
        """The same lists, for paths in one document."""
        return Findings([document], self.problems, self.warnings, self.trapped)

    def document(self, path: Path) -> Document:
        """The document that has most of `path`."""
        return max(self.documents, key=lambda document: document.find(path)[0])

    def where(self, path: Path, *, key: bool = False) -> str:
        """ "file:line:column" of the entry at `path`, or of the nearest one around it."""
        document = self.document(path)
        return place(document.file, document.find(path, key=key)[1])

    def problem(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Something that must be mended."""
        where = self.where(path, key=key)
        if where not in self.trapped:
            self.problems.append(Problem(where, dotted(path), message, hint))

    def warn(self, path: Path, message: str, hint: str = "") -> None:
        """Something that works but should be known."""
        self.warnings.append(Problem(self.where(path), dotted(path), message, hint))

    def raise_problems(self) -> None:
        """Raises ConfigError with every problem, in the order of files and lines, if there is one."""
        if self.problems:
            raise ConfigError(sorted(dict.fromkeys(self.problems), key=_position))


def place(file: str, mark: Mark) -> str:
    """ "file:line:column"."""
    return f"{file}:{mark[0]}:{mark[1]}"


def dotted(path: Path) -> str:
    """A path as messages show it: pools.web.members.tokyo.weight."""
    return ".".join(map(str, path))


def _position(problem: Problem) -> tuple[str, int, int]:
    file, line, column = problem.where.rsplit(":", 2)
    return file, int(line), int(column)


class Builder:
    """Makes the values of one file; `problems` are the traps found on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.value: object = None
        self._open: list[MarkedMap | MarkedList] = []
        self._keys: list[tuple[str, Mark] | None] = []  # of each open collection: the key that waits for its value
        self._paths: list[Path] = []  # of each open collection

    def scalar(self, text: str, mark: Mark, *, plain: bool) -> None:
        """A scalar; `plain` = written without quotes."""
        collection = self._open[-1] if self._open else None
        if isinstance(collection, MarkedMap) and self._keys[-1] is None:
            if plain:
                self._check_key(text, mark)
            self._keys[-1] = (text, mark)
        else:
            self._add(self._resolve(text, mark) if plain else text, mark)

    def open(self, collection: MarkedMap | MarkedList, mark: Mark) -> None:
        """A mapping or a list begins. Raises ConfigError where it is too deep: the rest is not worth reading."""
        if len(self._open) >= MAX_DEPTH:
            self.fault(mark, f"is nested more than {MAX_DEPTH} deep")
            raise ConfigError(self.problems)
        if self._open and isinstance(self._open[-1], MarkedMap) and self._keys[-1] is None:
            self.fault(mark, "a key must be text, not a list or a mapping", "write the key in quotes")
            self._keys[-1] = ("", mark)
        self._paths.append(self._path())
        self._add(collection, mark)
        self._open.append(collection)
        self._keys.append(None)

    def close(self) -> None:
        """The innermost mapping or list ends."""
        self._open.pop()
        self._keys.pop()
        self._paths.pop()

    def fault(self, mark: Mark, message: str, hint: str = "") -> None:
        """Note a problem at a place."""
        self.problems.append(Problem(place(self.file, mark), dotted(self._path()), message, hint))

    def _path(self) -> Path:
        """Of what is read next; of the mapping itself while a key is awaited."""
        if not self._open:
            return ()
        collection, pending = self._open[-1], self._keys[-1]
        if isinstance(collection, MarkedList):
            return (*self._paths[-1], len(collection))
        return self._paths[-1] if pending is None else (*self._paths[-1], pending[0])

    def _add(self, value: object, mark: Mark) -> None:
        collection = self._open[-1] if self._open else None
        if isinstance(collection, MarkedList):
            collection.append(value)
            collection.marks.append(mark)
        elif isinstance(collection, MarkedMap):
            self._put(collection, value, mark)
        else:
            self.value = value

    def _put(self, collection: MarkedMap, value: object, mark: Mark) -> None:
        pending = self._keys[-1]
        assert pending is not None
        key, key_mark = pending
        if key in collection:
            line, column = collection.marks[key][0]
            self.fault(key_mark, "is defined twice", f"the first is at {place(self.file, (line, column))}")
        else:
            collection[key] = value
            collection.marks[key] = (key_mark, mark)
        self._keys[-1] = None

    def _check_key(self, text: str, mark: Mark) -> None:
        if text == "<<":
            self.fault(mark, "the merge key << is not allowed", "write the keys out")
        elif _SWITCH.fullmatch(text) or text in _WORDS:
            self.fault(mark, f"the key {text or 'that is empty'} is not read as text", "write it in quotes")

    def _resolve(self, text: str, mark: Mark) -> object:
        """The value of a plain scalar: a word, a decimal number, or text; what YAML 1.1 reads oddly is a problem."""
        if text in _WORDS:
            return _WORDS[text]
        first = text[0]
        if first.isalpha():
            if _SWITCH.fullmatch(text):
                self.fault(mark, f"{text} without quotes is read as a switch", f'write "{text}", or true or false')
            return text
        if first not in "+-.0123456789":
            return text
        number = _NUMBER.fullmatch(text)
        if number:
            return float(text) if number[1] else int(text)
        if _SEXAGESIMAL.fullmatch(text):
            self.fault(mark, f"{text} without quotes is read as a number in base 60", f'write "{text}"')
        elif _ODD_NUMBER.fullmatch(text):
            self.fault(mark, f"{text} is not a plain decimal number", f'write "{text}" if it is text')
        return text


def suggestion(word: str, known: Iterable[str]) -> str:
    """The hint for a word that is not known: the close ones, or all of them where they are few."""
    return _suggestion(word, tuple(sorted(known)))


@lru_cache(maxsize=256)  # one misspelt word may stand in a hundred thousand names
def _suggestion(word: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(word[:80], known[:MAX_COMPARED], 2)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return f"known: {', '.join(known)}" if 0 < len(known) <= 12 else ""
