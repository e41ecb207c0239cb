"""The keeper beside a real Pgpool-II with a real primary: processes that say nothing are renewed, busy ones are not."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path

import pytest

from deploy.lab.database import keeper as module
from deploy.lab.database.keeper import Keeper
from deploy.lab.database.ledger import View
from tests.ending import terminate
from tests.ports import free_port
from tests.postgres_kit import Cluster

ADDRESS, WORD = "127.0.0.77", "correct-horse"
PROCESSES = 2
CONF = """\
backend_clustering_mode = 'streaming_replication'
listen_addresses = '127.0.0.1'
port = {port}
pcp_listen_addresses = '127.0.0.1'
pcp_port = {pcp}
socket_dir = '{folder}'
pcp_socket_dir = '{folder}'
pid_file_name = '{folder}/pgpool.pid'
logdir = '{folder}'
backend_hostname0 = '{address}'
backend_port0 = 5432
backend_flag0 = 'ALLOW_TO_FAILOVER'
enable_pool_hba = on
pool_passwd = '{folder}/pool_passwd'
num_init_children = {processes}
connection_cache = off
load_balance_mode = off
sr_check_user = 'pgpool'
sr_check_password = '{word}'
"""


class Told:
    """A ledger that says the same for ever: it is the turn of the one primary, and somebody vouches for it."""

    def view(self) -> View:
        return View(1, "tokyo", "7", "tokyo", 1, "")


class Pool:
    """Pgpool with so few processes that two clients keep it busy."""

    def __init__(self, need: Callable[[str], str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gslb-pgpool-"))
        self.port, self.pcp = free_port(), free_port()
        self.keeper = Keeper(Told(), [("tokyo", ADDRESS)], self.pcp, self.folder, self.port)  # type: ignore[arg-type]
        account = None if os.geteuid() else "postgres"  # Pgpool's, as in the lab
        values = {"port": self.port, "pcp": self.pcp, "folder": self.folder, "address": ADDRESS, "word": WORD}
        theirs = {
            "pgpool.conf": CONF.format(**values, processes=PROCESSES),
            "pool_hba.conf": "host all all 127.0.0.1/32 scram-sha-256\n",
            "pool_passwd": f"pgpool:TEXT{WORD}\n",
            "pcp.conf": f"pgpool:{md5(WORD.encode()).hexdigest()}\n",
        }
        ours = {"pcppass": f"*:*:pgpool:{WORD}\n", "pgpass": f"*:*:*:pgpool:{WORD}\n"}
        for name, text in (theirs | ours).items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o600)
            if account and name in theirs:
                shutil.chown(self.folder / name, account)
        if account:
            shutil.chown(self.folder, account)
        files = [("-f", "pgpool.conf"), ("-F", "pcp.conf"), ("-a", "pool_hba.conf")]
        argv = [need("pgpool"), "-n", "-D", *(part for flag, name in files for part in (flag, str(self.folder / name)))]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, user=account)

    def client(self, query: str) -> "subprocess.Popen[str]":
        """A session through Pgpool."""
        place = f"host=127.0.0.1 port={self.port} user=pgpool dbname=postgres"
        environment = {**os.environ, "PGPASSFILE": str(self.folder / "pgpass")}
        return subprocess.Popen(["psql", "-XAtqc", query, place], stdout=subprocess.PIPE, text=True, env=environment)

    def answers(self) -> bool:
        return self.client("SELECT 'yes'").communicate(timeout=20)[0].strip() == "yes"

    def close(self) -> None:
        terminate(self.process)
        shutil.rmtree(self.folder)


@pytest.fixture
def pool(need: Callable[[str], str]) -> Iterator[Pool]:
    need("pgpool")
    cluster = Cluster(ADDRESS, 5432).create().start()
    try:
        cluster.sql(f"CREATE ROLE pgpool LOGIN SUPERUSER PASSWORD '{WORD}'")
        made = Pool(need)
        try:
            deadline = time.monotonic() + 30
            while not made.answers():
                assert time.monotonic() < deadline, (made.folder / "log").read_text()
                time.sleep(0.2)
            yield made
        finally:
            made.close()
    finally:
        cluster.close()


def test_processes_that_say_nothing_for_long_are_renewed(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_HUNG", 3)
    assert pool.keeper.step()
    held = [pool.client("SELECT pg_sleep(300)") for _ in range(PROCESSES)]
    try:
        time.sleep(1)
        looks, deadline = 0, time.monotonic() + 60
        while pool.keeper.step():  # they may be busy
            looks += 1
            assert time.monotonic() < deadline, (pool.folder / "log").read_text()
        assert looks >= 2
        while not pool.keeper.step():
            assert time.monotonic() < deadline, (pool.folder / "log").read_text()
            time.sleep(0.5)
        said = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]
        assert said == ["Pgpool says nothing", "detach tokyo", "attach tokyo"]
        assert pool.answers()
    finally:
        for client in held:
            client.kill()
            client.communicate()


def test_a_silent_pgpool_of_a_silent_primary_is_left_alone(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is not Pgpool that hangs."""
    monkeypatch.setattr(module, "_HUNG", 2)
    held = [pool.client("SELECT pg_sleep(300)") for _ in range(PROCESSES)]
    try:
        time.sleep(1)
        monkeypatch.setattr(pool.keeper, "_sites", [("tokyo", "127.0.0.78")])  # where nobody is
        assert all(pool.keeper.step() for _ in range(5))
    finally:
        for client in held:
            client.kill()
            client.communicate()
