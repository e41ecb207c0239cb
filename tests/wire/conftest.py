"""The server under test: a real Worker of ours, or the peer that tools/conformance.py started.

GSLB_WIRE_SERVER="nsd 5301" asks a peer at port 5301 of 127.0.0.1 and ::1; tests marked `ours` are then left out.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from gslb.table.entries import Table
from tests.wire.content import LIMIT, our_table
from tests.wire.exchange import WAYS, Channel, Running, Server, running

_PEER = os.environ.get("GSLB_WIRE_SERVER", "")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of rows that no peer is asked for."""
    config.addinivalue_line("markers", "ours: needs pools, health or settings that peers do not have")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ask a peer only what it can be asked."""
    if _PEER:
        left_out = [item for item in items if item.get_closest_marker("ours")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Who is asked."""
    if _PEER:
        name, port = _PEER.split()
        yield Server(name, dict.fromkeys("46", int(port)))
        return
    with running(our_table()) as run:
        yield run.server


@pytest.fixture(scope="module")
def our() -> Callable[..., Server]:
    """`our(version="gslb")` is another server of ours, with these node settings."""
    runs: dict[str, Running] = {}

    def start(**settings: object) -> Server:
        key = repr(sorted(settings.items()))
        if key not in runs:
            runs[key] = Running(our_table(**settings), ("127.0.0.1", "::1"))
        return runs[key].server

    yield start
    for run in runs.values():
        run.stop()


@pytest.fixture
def limited() -> Iterator[Server]:
    """A server of ours that answers a client once, and limits what follows."""
    table: Table = our_table(rate_limit=LIMIT)
    with running(table) as run:
        yield run.server


@pytest.fixture(params=WAYS)
def channel(request: pytest.FixtureRequest, server: Server) -> Iterator[Channel]:
    """A client, over UDP and TCP, IPv4 and IPv6."""
    yield from _channel(server, request.param)


@pytest.fixture(params=["udp4", "udp6"])
def udp(request: pytest.FixtureRequest, server: Server) -> Iterator[Channel]:
    """A client, for rows about UDP."""
    yield from _channel(server, request.param)


@pytest.fixture(params=["tcp4", "tcp6"])
def tcp(request: pytest.FixtureRequest, server: Server) -> Iterator[Channel]:
    """A client, for rows about TCP."""
    yield from _channel(server, request.param)


def _channel(server: Server, way: str) -> Iterator[Channel]:
    made = Channel(server, way)
    yield made
    made.close()
