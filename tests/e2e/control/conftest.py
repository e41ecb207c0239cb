"""A node with three sites that live."""

from collections.abc import Callable

import pytest

from tests.e2e.control.setting import ADDRESSES, zone
from tests.e2e.kit import Node, eventually
from tests.e2e.sites import Site


@pytest.fixture
def sites(make_sites: Callable[..., list[Site]]) -> list[Site]:
    """Where the pools' members are; all of them answer."""
    return make_sites(*ADDRESSES.values())


@pytest.fixture
def node(make_node: Callable[[], Node], sites: list[Site]) -> Node:
    """One worker, every site found well."""
    node = make_node().write(zone(sites[0].port), workers=1).start().ready()
    eventually(lambda: well(node))
    return node


def well(node: Node) -> bool:
    """Whether every probed pool is healthy."""
    pools = node.call("GET", "/api/v1/pools").body["pools"]
    return all(pool["healthy"] for pool in pools if pool["name"] != "push")
