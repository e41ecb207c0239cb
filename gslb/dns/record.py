"""One resource record as a value; what master files and inline data both become."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One static resource record in wire form: lower-cased owner, uncompressed rdata; `where` is file:line[:column]."""

    owner: bytes
    rtype: int
    ttl: int
    rdata: bytes
    where: str
