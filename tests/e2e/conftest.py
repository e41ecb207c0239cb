"""Nodes and sites that end with their test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.kit import Node
from tests.e2e.sites import Site


@pytest.fixture
def make_node(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[[], Node]]:
    """`make_node()` is a node with a folder and ports of its own, not yet started."""
    made: list[Node] = []

    def make() -> Node:
        folder = tmp_path / f"node-{len(made)}"
        folder.mkdir()
        made.append(Node(folder, free_port(), free_port()))
        return made[-1]

    yield make
    for node in made:
        node.stop()


@pytest.fixture
def make_sites(free_port: Callable[[], int]) -> Iterator[Callable[..., list[Site]]]:
    """`make_sites("127.0.0.11", "127.0.0.12")` are sites that share a port number, as one monitor wants it."""
    made: list[Site] = []

    def make(*addresses: str) -> list[Site]:
        port = free_port()
        sites = [Site(address, port) for address in addresses]
        made.extend(sites)
        return sites

    yield make
    for site in made:
        site.refuse()
