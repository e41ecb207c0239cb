"""Labs that end with their test, whatever happens in it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.lab.lab import Lab, Plan, Profile
from tests.e2e.lab.net import Network
from tests.e2e.lab.scenes import is_well, three


@pytest.fixture
def faketime() -> str:
    """The path of the library that turns a wall clock."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed: apt-get install faketime")
    return str(found[0])


class Labs:
    """Makes labs, and ends them."""

    def __init__(self, need: Callable[[str], str], folder: Path) -> None:
        self._need = need
        self._folder = folder
        self._networks: list[Network] = []
        self._made: list[Lab] = []
        self._count = 0

    def make(self, *, profile: Profile | None = None, **plans: Plan) -> Lab:
        """Networks and hosts, nothing started yet."""
        if os.geteuid():
            pytest.skip("network namespaces need root")
        self._networks.append(Network(self._need))
        self._count += 1
        folder = self._folder / f"lab-{self._count}"
        self._made.append(Lab(self._networks[-1], self._need, folder, plans, profile or Profile()))
        return self._made[-1]

    @property
    def last(self) -> Lab | None:
        return self._made[-1] if self._made else None

    def close(self) -> None:
        """End all of them; also one that could not be built."""
        for network in self._networks:
            network.close()
        for lab in self._made:
            lab.close()
        self._networks, self._made = [], []


@pytest.fixture
def make_lab(need: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """`make_lab(tokyo=Plan(), osaka=Plan(), witness=Plan(targets=0))`: see Labs.make."""
    labs = Labs(need, tmp_path)
    yield labs.make
    labs.close()


@pytest.fixture(scope="session")
def shared_labs(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """See trio."""
    labs = Labs(need, tmp_path_factory.mktemp("trio"))
    yield labs
    labs.close()


@pytest.fixture
def trio(shared_labs: Labs) -> Lab:
    """Three data centres, the third a witness, where everything runs and all is well.

    They are those of the test before where that left them so; a start takes ten seconds.
    """
    last = shared_labs.last
    if last and is_well(last):
        return last
    shared_labs.close()
    return three(shared_labs.make)


@pytest.fixture
def quiet(make_lab: Callable[..., Lab]) -> Lab:
    """Two sites, one of them with two hosts, and nothing that runs."""
    return make_lab(tokyo=Plan(etcd=True, roles="", targets=1), osaka=Plan(etcd=True, roles="", targets=0))
