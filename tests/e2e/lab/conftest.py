"""Labs that end with their test, whatever happens in it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.lab.lab import Lab, Plan, Profile
from tests.e2e.lab.net import Network


@pytest.fixture
def faketime() -> str:
    """The path of the library that turns a wall clock."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed: apt-get install faketime")
    return str(found[0])


@pytest.fixture
def make_lab(need: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """`make_lab(tokyo=Plan(), osaka=Plan(), witness=Plan(targets=0))`: networks and hosts, nothing started yet."""
    if os.geteuid():
        pytest.skip("network namespaces need root")
    networks: list[Network] = []
    made: list[Lab] = []

    def make(*, profile: Profile | None = None, **plans: Plan) -> Lab:
        networks.append(Network(need))
        folder = tmp_path / f"lab-{len(networks)}"
        made.append(Lab(networks[-1], need, folder, plans, profile or Profile()))
        return made[-1]

    yield make
    for network in networks:  # also of a lab that could not be built
        network.close()
    for lab in made:
        lab.close()


@pytest.fixture
def quiet(make_lab: Callable[..., Lab]) -> Lab:
    """Two sites, one of them with two hosts, and nothing that runs."""
    return make_lab(tokyo=Plan(etcd=True, roles="", targets=1), osaka=Plan(etcd=True, roles="", targets=0))
