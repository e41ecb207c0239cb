"""Location databases from disk: MaxMind DB files (.mmdb) in any of the common layouts, read to an atlas.

The one home of maxminddb. Everything is read when this is called; no file stays open.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import BinaryIO

import maxminddb

from gslb.errors import GeoError
from gslb.geo.atlas import UNKNOWN, Atlas, Interned, Layer, Place
from gslb.geo.ranges import RangeMap, Ranges4, Ranges6, Row
from gslb.geo.records import EXPECTED, place_of
from gslb.geo.tree import NODE_BYTES, cut, ipv4_root, networks, unpack


def open_atlas(paths: Sequence[str]) -> Atlas:
    """Read the databases in order of precedence; no path gives the empty atlas.

    Takes a few seconds for each million networks. Raises GeoError, naming the file, where one cannot be read, is
    damaged, or has nothing that a rule or `nearest` could use.
    """
    return Atlas.of([_read(path) for path in paths])


def _read(path: str) -> Layer[Place]:
    try:
        with Path(path).open("rb") as file, maxminddb.open_database(path) as reader:
            before = _identity(os.fstat(file.fileno()))
            layer = _survey(reader, file)
            if _identity(Path(path).stat()) != before:
                raise GeoError(f"{path}: the file changed while it was being read", hint="reload once it is complete")
    except OSError as error:
        raise GeoError(f"{path}: {error.strerror or error}; expected a MaxMind DB (.mmdb) file") from error
    except (maxminddb.InvalidDatabaseError, ValueError, TypeError) as error:
        raise GeoError(f"{path}: damaged, or not a MaxMind DB (.mmdb) file: {error}") from error
    if all(place == UNKNOWN for place in layer.entries):
        raise GeoError(f"{path}: nothing in it says where an address is; {EXPECTED}")
    return layer


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _survey(reader: maxminddb.Reader, file: BinaryIO) -> Layer[Place]:
    """Both families' ranges; an IPv4 address counts as such, never as ::/96 or one of its aliases."""
    metadata = reader.metadata()
    tree = file.read(metadata.node_count * NODE_BYTES[metadata.record_size])
    branches = unpack(tree, metadata.record_size)
    if len(branches) != 2 * metadata.node_count:
        raise ValueError("its search tree is cut off")
    places = _Places(reader)
    if metadata.ip_version == 4:
        v4 = Ranges4.build(places.rows4(networks(branches, 0, 32)))
        return Layer(places.seen.entries, RangeMap(v4, Ranges6.build([(0, 0)])))
    root = ipv4_root(branches)
    v4 = Ranges4.build(places.rows4(networks(branches, root, 32)))
    cut(branches, root)
    v6 = Ranges6.build(places.rows6(networks(branches, 0, 128)))
    return Layer(places.seen.entries, RangeMap(v4, v6))


class _Places:
    """Turns networks to rows. Each distinct record is decoded once, by the first address that has it; 0 is unknown."""

    def __init__(self, reader: maxminddb.Reader) -> None:
        self.seen: Interned[Place] = Interned()
        self.seen.number(UNKNOWN)
        self._reader = reader
        self._places: dict[int, int] = {}

    def rows4(self, found: Iterable[tuple[int, int, int]]) -> Iterator[Row]:
        return self._rows(found, IPv4Address)

    def rows6(self, found: Iterable[tuple[int, int, int]]) -> Iterator[Row]:
        return self._rows(found, IPv6Address)

    def _rows(
        self, found: Iterable[tuple[int, int, int]], address_type: type[IPv4Address] | type[IPv6Address]
    ) -> Iterator[Row]:
        """Rows without a gap: what no network covers is unknown."""
        places = self._places
        end = 0
        for address, free, record in found:
            if address > end:
                yield end, 0
            place = places.get(record)
            if place is None:
                place = places[record] = self.seen.number(place_of(self._reader.get(address_type(address))))
            yield address, place
            end = address + (1 << free)
        if end < 1 << address_type(0).max_prefixlen:
            yield end, 0
