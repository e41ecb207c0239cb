"""Databases for the tests, written here from documentation prefixes."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

WriteDatabase = Callable[..., str]


@pytest.fixture
def write_database(tmp_path: Path) -> WriteDatabase:
    """write_database({prefix: record}, name="a.mmdb", ip_version=6) -> path"""

    def write(records: Mapping[str, object], name: str = "test.mmdb", ip_version: int = 6) -> str:
        writer = MMDBWriter(ip_version, "Test", ipv4_compatible=ip_version == 6)
        for prefix, record in records.items():
            writer.insert_network(IPSet([prefix]), record)  # type: ignore[arg-type]
        path = tmp_path / name
        writer.to_db_file(str(path))
        return str(path)

    return write
