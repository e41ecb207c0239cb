"""The guardian's rounds: when it fences, founds and refuses. Its clock, its etcd and its server are in hand here."""

from collections.abc import Mapping
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.database.decide import Server
from deploy.lab.database.etcd import PATIENCE, Etcd, NoMajorityError
from deploy.lab.database.guardian import Guardian, Place
from deploy.lab.database.lease import MARGIN, TICK, Lease
from deploy.lab.database.ledger import TTL, Ledger, View
from deploy.lab.database.postgres import QUERY, STOP, Postgres
from deploy.lab.database.record import Record

SYSTEM = "73"
ROOT = Path(__file__).parents[2]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeEtcd(Etcd):
    """Leases that live until `ended`; `cut`: nobody answers, which takes as long as it may."""

    def __init__(self, clock: Clock) -> None:
        super().__init__([])
        self.clock = clock
        self.cut = False
        self.leases: set[int] = set()
        self.granted = 0
        self.written: dict[str, Any] = {}

    def grant(self, seconds: int) -> int:
        self.ask(PATIENCE)
        self.granted += 1
        self.leases.add(self.granted)
        return self.granted

    def renew(self, lease: int, within: float) -> bool:
        self.ask(within)
        return lease in self.leases

    def swap(
        self, expected: Mapping[str, int], values: Mapping[str, Any], lease: int = 0, within: float = PATIENCE
    ) -> bool:
        self.written = dict(values)
        return True

    def ask(self, within: float) -> None:
        if self.cut:
            self.clock.now += min(within, PATIENCE)
            raise NoMajorityError("cut")


class FakeLedger(Ledger):
    """The keys in hand."""

    etcd: FakeEtcd

    def __init__(self, clock: Clock) -> None:
        super().__init__(FakeEtcd(clock))
        self.now = View(3, "tokyo", SYSTEM, "", 0, "")

    def view(self, within: float = PATIENCE) -> View:
        self.etcd.ask(within)
        return self.now

    def found(self, site: str, system: str) -> bool:
        self.now = self.now._replace(number=1, site=site, system=system)
        return True

    def force(self, view: View, site: str, after: int = 0) -> bool:
        done = super().force(view, site, after)
        self.now = view._replace(synced="", **self.etcd.written["/zabbix-db/term"])
        return done

    def vouch(self, view: View, lease: int) -> bool:
        self.now = view._replace(holder=view.site, lease=lease)
        return True


class FakePostgres(Postgres):
    """A server that does what it is told at once; `slow`: the seconds that each question takes."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(folder, "")
        self.clock = clock
        self.slow = 0.0
        self.is_now = Server.STOPPED
        self.stopped_at: list[float] = []
        self.primary_before = True

    def state(self) -> Server:
        return self.is_now

    def start_primary(self, waits_for: str) -> None:
        self.wanted, self.is_now = True, Server.PRIMARY if self.primary_before else Server.STANDBY

    def promote(self) -> None:
        self.is_now = Server.PRIMARY

    def stop(self) -> None:
        self.wanted, self.is_now = False, Server.STOPPED
        self.stopped_at.append(self.clock.now)

    def query(self, text: str) -> str:
        self.clock.now += self.slow
        return ""

    def system(self) -> str:
        return SYSTEM

    def was_primary(self) -> bool:
        return self.primary_before


class Scene:
    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.ledger = FakeLedger(self.clock)
        self.server = FakePostgres(folder, self.clock)
        self.guardian = self.another()

    def another(self) -> Guardian:
        lease = Lease(self.ledger.etcd, self.clock)
        return Guardian(Place("tokyo", "osaka", True), self.ledger, self.server, lease)

    def steps(self, count: int = 4) -> None:
        for _ in range(count):
            self.guardian.step()
            self.clock.now += TICK

    def set(self, **values: Any) -> None:
        self.ledger.now = self.ledger.now._replace(**values)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_former_primary_starts_as_one(scene: Scene) -> None:
    scene.steps()
    assert (scene.server.is_now, scene.ledger.now.holder) == (Server.PRIMARY, "tokyo")
    assert scene.server.stopped_at == []


def test_a_stopped_standby_is_promoted_and_not_merely_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Postgres(tmp_path, "")
    (tmp_path / "data").mkdir()
    signal = tmp_path / "data/standby.signal"
    signal.touch()
    started: list[bool] = []
    monkeypatch.setattr(server, "_start", lambda: started.append(signal.exists()))
    server.start_primary("")
    assert started == [True]


def test_it_starts_and_promotes_a_stopped_standby(scene: Scene) -> None:
    scene.server.primary_before = False
    scene.steps(2)
    assert scene.server.is_now is Server.STANDBY
    scene.steps(1)
    assert scene.server.is_now is Server.PRIMARY


@pytest.mark.parametrize("slow", [0.0, 0.3, QUERY])
@pytest.mark.parametrize("phase", [0.0, 0.2, 0.4])
def test_without_a_majority_it_is_over_before_its_lease(scene: Scene, slow: float, phase: float) -> None:
    scene.steps()
    scene.clock.now += phase
    scene.guardian.step()
    renewed = scene.clock.now
    scene.clock.now += TICK
    scene.ledger.etcd.cut, scene.server.slow = True, slow
    scene.steps(12)
    assert scene.server.stopped_at[0] - renewed >= TTL - MARGIN - QUERY
    assert scene.server.stopped_at[0] - renewed + 2 * STOP < TTL


def test_who_slept_fences_before_he_asks(scene: Scene) -> None:
    scene.steps()
    scene.clock.now += 60
    woken = scene.clock.now
    scene.ledger.etcd.cut = True
    scene.guardian.step()
    assert scene.server.stopped_at == [woken]


def test_a_primary_whose_lease_was_lost_is_fenced_in_the_same_round(scene: Scene) -> None:
    scene.steps()
    scene.ledger.etcd.leases.clear()
    granted = scene.ledger.etcd.granted
    scene.guardian.step()
    assert scene.server.is_now is Server.STOPPED
    assert scene.ledger.etcd.granted == granted, "another lease is asked for after that"


def test_a_new_lease_proves_nothing(scene: Scene) -> None:
    lease = Lease(scene.ledger.etcd, scene.clock)
    assert not lease.renew()
    lease.grant()
    assert lease.left() <= 0
    assert lease.renew()
    assert lease.left() == TTL - MARGIN


def test_an_empty_etcd_is_founded_once(scene: Scene) -> None:
    scene.set(number=0, site="", system="")
    scene.steps()
    assert scene.ledger.now.number == 1
    assert scene.server.is_now is Server.PRIMARY
    scene.set(number=0, site="", system="", holder="", lease=0)
    scene.steps()
    assert scene.ledger.now.number == 0
    assert scene.server.is_now is Server.STOPPED
    scene.guardian = scene.another()
    scene.steps()
    assert scene.ledger.now.number == 0, "a restart forgets nothing"


def test_a_standby_founds_nothing(scene: Scene) -> None:
    scene.server.primary_before = False
    scene.set(number=0, site="", system="")
    scene.steps()
    assert scene.ledger.now.number == 0


def test_a_restored_etcd_needs_a_word(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.set(number=7)
    scene.steps()
    scene.set(number=5, holder="", lease=0)
    scene.guardian = scene.another()
    scene.steps(6)
    assert scene.server.is_now is Server.STOPPED
    assert capsys.readouterr().out.count("etcd says term 5, but 7 was seen here: turn give SITE --after 7") == 1
    scene.set(number=8)
    scene.steps()
    assert scene.server.is_now is Server.PRIMARY


def test_data_of_another_database_are_refused(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.set(system="99")
    scene.steps()
    assert (scene.server.is_now, scene.ledger.now.holder) == (Server.STOPPED, "")
    assert "these data are of the database 73, and etcd means 99" in capsys.readouterr().out


def test_the_highest_term_is_kept(tmp_path: Path) -> None:
    record = Record(tmp_path)
    assert record.term == 0
    for term in (4, 9, 6):
        record.note(term)
    assert Record(tmp_path).term == 9
    assert Record(tmp_path).objection(9) == ""
    assert Record(tmp_path).objection(8)


def turn_module() -> Any:
    loader = SourceFileLoader("turn", str(ROOT / "deploy/zabbix-db/turn"))
    module = module_from_spec(ModuleSpec("turn", loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("synced", "options", "number"),
    [
        ("osaka", [], 4),
        ("", [], 3),  # Osaka may lack writes
        ("", ["--the-other-is-off"], 4),
        ("", ["--the-other-is-off", "--after", "7"], 8),
    ],
)
def test_a_person_gives_the_turn(scene: Scene, synced: str, options: list[str], number: int) -> None:
    module = turn_module()
    scene.set(synced=synced)
    said = module.words(["give", "osaka", *options], ["tokyo", "osaka"])
    module.give(scene.ledger, said.site, said.the_other_is_off, said.after)
    assert scene.ledger.now.number == number


def test_a_person_is_not_guessed_at() -> None:
    for said in (["give", "kyoto"], ["take", "osaka"], ["give", "osaka", "now"], ["give", "osaka", "--after", "x"]):
        assert turn_module().words(said, ["tokyo", "osaka"]) is None
