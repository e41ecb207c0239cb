"""What a site remembers of the ledger: the highest term that it saw, in a file beside the data.

An etcd that was emptied, or restored from an old backup, knows less than the data: what it says about whose turn it is
may have been true once. Nobody becomes a primary by it before a person has said whose turn it is.
"""

import os
from contextlib import suppress
from pathlib import Path


class Record:
    """`term` is 0 where this site has not seen a ledger with a term in it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "term"
        self.term = int(self._file.read_text()) if self._file.exists() else 0

    def note(self, term: int) -> None:
        """Remember a term that is higher than those before: until a restart alone where the disk is full."""
        if term <= self.term:
            return
        self.term = term
        new = self._file.with_name("term.new")
        with suppress(OSError):
            with new.open("w", encoding="utf-8") as file:
                file.write(f"{term}\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._file)

    def objection(self, term: int) -> str:
        """Why nobody may act on a ledger with that term; "" = he may."""
        if term >= self.term:
            return ""
        return f"etcd says term {term}, but {self.term} was seen here: turn give SITE --after {self.term}"
