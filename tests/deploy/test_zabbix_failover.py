"""Who becomes primary: the rules as a table, and the transactions against a real etcd."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.lab.database.decide import Deed, Server, decide
from deploy.lab.database.etcd import Etcd, NoMajorityError
from deploy.lab.database.failover import ELECTION, fail_over
from deploy.lab.database.keeper import task
from deploy.lab.database.ledger import Ledger, View
from tests.ports import free_port

MINE, LEASE = "tokyo", 7


def seen(site: str = MINE, holder: str = "", synced: str = "", lease: int = 0) -> View:
    return View(3, site, "1", holder, lease, synced)


HELD = seen(holder=MINE, lease=LEASE)
HELD_SYNCED = seen(holder=MINE, lease=LEASE, synced="osaka")


@pytest.mark.parametrize(
    ("view", "server", "died", "deed"),
    [
        (HELD, Server.PRIMARY, False, Deed.WAIT),
        (HELD, Server.STANDBY, False, Deed.PROMOTE),
        (HELD, Server.STOPPED, False, Deed.START),
        (HELD, Server.STOPPED, True, Deed.START),  # nobody else has all writes: it is started again
        (HELD_SYNCED, Server.STOPPED, True, Deed.YIELD),
        (HELD_SYNCED, Server.STOPPED, False, Deed.START),
        (seen(), Server.STANDBY, False, Deed.VOUCH),
        (seen(), Server.PRIMARY, False, Deed.FENCE),  # the lease is not its own any more
        (seen(synced="osaka"), Server.STOPPED, True, Deed.WAIT),  # the other site's turn may begin now
        (seen(holder=MINE, lease=9), Server.STOPPED, False, Deed.WAIT),  # of a guardian that was here before
        (seen(holder=MINE, lease=9), Server.PRIMARY, False, Deed.FENCE),
        (seen("osaka", "osaka"), Server.STOPPED, False, Deed.FOLLOW),
        (seen("osaka", "osaka"), Server.STANDBY, False, Deed.WAIT),
        (seen("osaka", "osaka"), Server.PRIMARY, False, Deed.FENCE),
        (seen("osaka"), Server.STOPPED, False, Deed.WAIT),  # there is nobody to follow yet
        (seen(""), Server.STOPPED, False, Deed.WAIT),  # nobody has founded the database
        (None, Server.PRIMARY, False, Deed.WAIT),  # the lease still holds
        (None, Server.STANDBY, False, Deed.WAIT),
        (None, Server.STOPPED, False, Deed.WAIT),
    ],
)
def test_what_a_guardian_does(view: View | None, server: Server, died: bool, deed: Deed) -> None:
    assert decide(MINE, view, lease=LEASE, safe=True, server=server, died=died) is deed


@pytest.mark.parametrize("view", [None, HELD, HELD_SYNCED, seen(), seen("osaka", "osaka")])
def test_no_primary_without_proof_that_its_lease_holds(view: View | None) -> None:
    assert decide(MINE, view, lease=LEASE, safe=False, server=Server.PRIMARY, died=False) is Deed.FENCE


UP, DOWN = "2", "3"


@pytest.mark.parametrize(
    ("states", "view", "told"),
    [
        ((UP, DOWN), HELD_SYNCED, None),
        ((UP, UP), HELD_SYNCED, ("detach", 1)),
        (("1", "1"), HELD, ("detach", 1)),  # as Pgpool begins
        ((DOWN, DOWN), HELD, ("attach", 0)),
        ((DOWN, UP), HELD, ("attach", 0)),  # the primary first: there is never none
        ((DOWN, UP), seen(), ("attach", 0)),
        ((UP, UP), seen(), None),  # nobody vouches: the one that answers may be the one that is needed
        ((UP, DOWN), seen("osaka", "osaka"), ("attach", 1)),
        ((UP, UP), seen("osaka", "osaka"), ("detach", 0)),
        (("", ""), HELD, None),  # Pgpool does not answer
        ((UP, UP), seen(""), None),
    ],
)
def test_pgpool_has_the_primary_alone(states: tuple[str, str], view: View, told: tuple[str, int] | None) -> None:
    assert task(("tokyo", "osaka"), states, view) == told


@pytest.fixture(scope="module")
def endpoint(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("etcd")
    clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    argv = [need("etcd"), "--data-dir", str(folder / "data"), "--listen-client-urls", clients]
    argv += ["--advertise-client-urls", clients, "--listen-peer-urls", peers]
    argv += ["--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}", "--log-level", "error"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        await_member(clients, folder / "log")
        yield clients
    finally:
        process.kill()
        process.wait(10)


def await_member(endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            Etcd([endpoint]).read("/x/")
        except NoMajorityError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def ledger(endpoint: str) -> Ledger:
    """Nothing is in it."""
    found = Ledger(Etcd([endpoint]))
    found.etcd.swap({}, dict.fromkeys(found.etcd.read("/zabbix-db/")))
    return found


def founded(ledger: Ledger, synced: str = "osaka", ttl: int = 60) -> int:
    """Tokyo has the first term and vouches; returns its lease."""
    assert ledger.found("tokyo", "1")
    lease = ledger.etcd.grant(ttl)
    assert ledger.vouch(ledger.view(), lease)
    assert ledger.mark_synced(ledger.view(), synced)
    return lease


def silent(_: str) -> None:
    pass


def test_a_database_is_founded_once(ledger: Ledger) -> None:
    assert ledger.found("tokyo", "1")
    assert not ledger.found("osaka", "2")
    assert ledger.view()[:3] == (1, "tokyo", "1")


def test_one_at_a_time_vouches(ledger: Ledger) -> None:
    founded(ledger)
    assert not ledger.vouch(ledger.view(), ledger.etcd.grant(60))


def test_what_was_read_before_a_change_writes_nothing(ledger: Ledger) -> None:
    founded(ledger)
    ledger.release(ledger.view())
    old = ledger.view()
    assert ledger.pass_on(old)
    assert not ledger.pass_on(old)
    assert not ledger.mark_synced(old, "tokyo")
    assert ledger.view().number == 2


def test_any_number_of_callers_make_one_failover(ledger: Ledger, endpoint: str) -> None:
    founded(ledger)
    ledger.release(ledger.view())
    done: list[bool] = []
    ready = threading.Barrier(8)

    def call() -> None:
        mine = Ledger(Etcd([endpoint]))
        ready.wait()
        done.append(fail_over(mine, "tokyo", silent))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 8
    assert ledger.view()[:2] == (2, "osaka")
    assert ledger.view().synced == "", "the new primary has no standby yet"


def test_a_primary_that_is_vouched_for_stays(ledger: Ledger) -> None:
    lease = founded(ledger, ttl=6)
    ended = threading.Event()

    def renew() -> None:
        mine = Etcd(ledger.etcd.endpoints)
        while not ended.wait(0.5):
            mine.renew(lease, 1)

    thread = threading.Thread(target=renew)
    thread.start()
    begun = time.monotonic()
    assert not fail_over(ledger, "tokyo", silent)
    ended.set()
    thread.join()
    assert time.monotonic() - begun < 6, "it does not wait for longer than it takes to know"
    assert ledger.view()[:2] == (1, "tokyo")


def test_a_primary_whose_guardian_is_gone_is_replaced_when_its_lease_ends(ledger: Ledger) -> None:
    founded(ledger, ttl=2)
    assert fail_over(ledger, "tokyo", silent)
    assert ledger.view()[:2] == (2, "osaka")


def test_nobody_is_promoted_who_lacks_writes(ledger: Ledger) -> None:
    founded(ledger, synced="")
    ledger.release(ledger.view())
    said: list[str] = []
    assert not fail_over(ledger, "tokyo", said.append)
    assert "a person must decide" in said[-1]
    assert ledger.force(ledger.view(), "osaka")
    assert ledger.view()[:2] == (2, "osaka")


def test_a_standby_that_fails_is_nothing(ledger: Ledger) -> None:
    founded(ledger)
    assert fail_over(ledger, "osaka", silent)
    assert ledger.view()[:2] == (1, "tokyo")


def test_a_site_without_a_majority_does_nothing() -> None:
    begun = time.monotonic()
    assert not fail_over(Ledger(Etcd([f"http://127.0.0.1:{free_port()}"])), "tokyo", silent)
    assert ELECTION - 1 < time.monotonic() - begun < ELECTION + 2
