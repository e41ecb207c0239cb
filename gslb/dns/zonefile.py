"""Master files (RFC 1035 section 5): text to records, every faulty entry reported with its file and line.

The text is cut into entries (an entry goes on over lines while a parenthesis is open), and dnspython reads one entry at
a time: that gives the exact line of each record, and a faulty entry does not hide the ones after it. $INCLUDE is ours,
so that the caller reads the files; $ORIGIN, $TTL and $GENERATE are dnspython's.
"""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import dns.name
import dns.rdata
import dns.rdataclass
import dns.tokenizer
import dns.zonefile

from gslb.dns.rdata import reason
from gslb.dns.record import Record
from gslb.errors import Problem, RdataError

MAX_RECORDS = 1_000_000  # $GENERATE can ask for more than any memory holds
MAX_INCLUDE = 8

Include = Callable[[str, str], tuple[str, str]]

_BRACKETS = re.compile(r'\\.|"(?:\\.|[^"\\])*"?|;.*|([()])')
_DIRECTIVES = frozenset({"$GENERATE", "$ORIGIN", "$TTL"})


def read(file: str, text: str, origin: bytes, ttl: int, include: Include) -> tuple[list[Record], list[Problem]]:
    """Read the master file `file` (its name as shown in places) of a zone.

    `ttl` serves records before the first TTL of the file. `include(name, file)` gives name and text of a file that
    `file` includes, or raises ValueError. Owners are not checked against the zone.
    """
    sink = _Sink()
    reader = dns.zonefile.Reader(
        dns.tokenizer.Tokenizer("", ""),
        dns.rdataclass.IN,
        sink,  # type: ignore[arg-type]  # it calls four methods of a transaction, all there
        allow_directives=_DIRECTIVES,
    )
    reader.current_origin = reader.last_name = dns.name.from_wire(origin, 0)[0]
    reader.last_ttl, reader.last_ttl_known = ttl, True
    _Walk(sink, include).run(reader, file, text, 0)
    return sink.records, sink.problems


class _Sink:
    """Takes records where dnspython expects a transaction. Its zone is the root, so that no record is passed over."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.problems: list[Problem] = []
        self.where = ""
        self.manager = self

    def origin_information(self) -> tuple[dns.name.Name, bool, dns.name.Name]:
        return dns.name.root, False, dns.name.root

    def check_put_rdataset(self, _check: object) -> None:
        """The whole zone is checked later, with its inline data and dynamic names."""

    def _set_origin(self, _origin: dns.name.Name) -> None:
        """The reader keeps the origin itself."""

    def add(self, name: dns.name.Name, ttl: int, data: dns.rdata.Rdata) -> None:
        if len(self.records) >= MAX_RECORDS:
            raise RdataError(f"more than {MAX_RECORDS} records")
        owner = name.to_wire()
        rdata = data.to_wire()
        assert owner is not None
        assert rdata is not None
        self.records.append(Record(owner.lower(), int(data.rdtype), ttl, rdata, self.where))

    def fault(self, message: str, hint: str = "") -> None:
        self.problems.append(Problem(self.where, "", message, hint))


class _Walk:
    """Goes through a master file and the ones that it includes."""

    def __init__(self, sink: _Sink, include: Include) -> None:
        self.sink = sink
        self.include = include

    def run(self, reader: Any, file: str, text: str, depth: int) -> None:
        for line, entry in _entries(text):
            self.sink.where = f"{file}:{line}:1"
            reader.tok = dns.tokenizer.Tokenizer(entry, "")
            try:
                if entry[:8].upper() == "$INCLUDE":
                    self._descend(reader, file, depth)
                else:
                    reader.read()
            except (RdataError, ValueError) as error:
                self.sink.fault(str(error))
            except Exception as error:  # dnspython lets errors of struct and binascii through
                self.sink.fault(reason(error), "an entry is: owner [TTL] [IN] TYPE data")

    def _descend(self, reader: Any, file: str, depth: int) -> None:
        """RFC 1035 section 5.1: the origin of an included file does not change the one of the including file."""
        reader.tok.get()
        name = reader.tok.get().value
        origin = reader.tok.get()
        if not name.strip():
            raise RdataError("$INCLUDE needs a file name")
        if depth >= MAX_INCLUDE:
            raise RdataError(f"$INCLUDE is nested more than {MAX_INCLUDE} deep: does it include itself?")
        inner = copy.copy(reader)
        if origin.is_identifier():
            inner.current_origin = dns.name.from_text(origin.value, reader.current_origin)
        inner_file, text = self.include(name, file)
        self.run(inner, inner_file, text, depth + 1)


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Each entry with the number of its first line."""
    parts: list[str] = []
    start = depth = 0
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if not parts:
            if not line or line.isspace():
                continue
            start = number
        parts.append(line)
        if depth or "(" in line or ")" in line:
            depth += _opened(line)
        if depth <= 0:
            yield start, "\n".join(parts)
            parts = []
            depth = 0
    if parts:
        yield start, "\n".join(parts)


def _opened(line: str) -> int:
    found = [match[1] for match in _BRACKETS.finditer(line) if match[1]]
    return found.count("(") - found.count(")")
