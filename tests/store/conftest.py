"""Three members of etcd, and three nodes on them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gslb.store.etcd import Etcd
from tests.etcd_kit import Cluster
from tests.store.nodes_kit import Node, nodes


@pytest.fixture(scope="session")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests; each has keys of its own."""
    with Cluster(tmp_path_factory.mktemp("three"), 3) as cluster:
        yield cluster


@pytest.fixture
def three(members: Cluster) -> Iterator[Cluster]:
    """The cluster; whom a test kills is started again after it."""
    yield members
    members.start()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """Where the keys of a test are."""
    return f"/{request.node.name}"


@pytest.fixture
async def trio(three: Cluster, prefix: str, tmp_path: Path) -> AsyncIterator[list[Node]]:
    """Three nodes that know each other."""
    async with nodes(three.access(), prefix, tmp_path) as made:
        yield made


@pytest.fixture
async def etcd(three: Cluster) -> AsyncIterator[Etcd]:
    """A client of its own."""
    client = Etcd(three.access())
    yield client
    await client.close()
