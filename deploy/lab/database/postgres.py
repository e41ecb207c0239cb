"""One PostgreSQL server as its guardian handles it: started as its child, so that it never outlives it."""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from deploy.lab.database.decide import Server

BIN = Path("/usr/lib/postgresql/15/bin")
PORT = 5432
_QUERY = 1.0  # seconds
_COPY = 24 * 3600.0  # a large database takes hours
_STOP = 1.0


class PostgresError(Exception):
    """What one of its programs said."""


class Standby(NamedTuple):
    """How the other site's server is fed. Offsets are of the write-ahead log, in octets."""

    streams: bool
    waited_for: bool  # commits wait for it
    flushed: int
    written: int  # by the primary itself

    @property
    def behind(self) -> int:
        return self.written - self.flushed


class Postgres:
    """The server whose data is in `folder`/data; its socket, settings and log are beside it."""

    def __init__(self, folder: Path, peer: str, sync: bool = True) -> None:
        """`peer`: connection string of the other site's server, as a superuser with application_name.

        `sync`: what is copied from there is on the disk before it is used; without it a power cut spoils a new copy.
        """
        self.folder = folder
        self.data = folder / "data"
        self._config = folder / "postgresql.conf"
        self._peer = peer
        self._sync = [] if sync else ["--no-sync"]
        self._process: subprocess.Popen[bytes] | None = None
        self.wanted = False  # True = it was started and not stopped: where it is not there, it died

    def state(self) -> Server:
        """By its process and by the file that makes a standby of it, which a promotion removes."""
        if self._process is None or self._process.poll() is not None:
            return Server.STOPPED
        return Server.STANDBY if (self.data / "standby.signal").exists() else Server.PRIMARY

    def start_primary(self, waits_for: str) -> None:
        """Start it as the primary whose commits wait for that standby, "" = for none."""
        self._write_sync(waits_for)
        (self.data / "standby.signal").unlink(missing_ok=True)
        self._start()

    def follow(self) -> None:
        """Start it as a standby of the other site. Writes that only this server has are thrown away.

        After a split that cannot be rewound it begins with a copy. Its former data stay beside the new ones. Raises
        PostgresError, at first while the other site's promotion is under way: what is read there then is half of each.
        """
        if self._ask_peer("SELECT pg_is_in_recovery()") != "f":
            raise PostgresError("the other site's server is no primary yet")
        if not (self.data / "PG_VERSION").exists():
            self._copy()
        elif self._was_primary():
            self._rewind()
        self._write_sync("")
        (self.data / "standby.signal").touch()
        (self.folder / "peer.conf").write_text(f"primary_conninfo = '{self._peer}'\n")
        self._start()

    def _rewind(self) -> None:
        # Right after a promotion the other site's control file names the old timeline until its checkpoint.
        self._ask_peer("CHECKPOINT")
        # It completes a crash recovery first, and the data folder's own settings say nothing of wal_log_hints.
        places = f"--config-file={self._config}", f"--source-server={self._peer} dbname=postgres"
        try:
            self._run("pg_rewind", "-D", self.data, *places, *self._sync)
        except PostgresError as error:
            print(f"it is copied, since it cannot be rewound: {str(error).splitlines()[-1]}", flush=True)
            shutil.rmtree(self.folder / "data.old", ignore_errors=True)
            self.data.rename(self.folder / "data.old")
            self._copy()

    def _ask_peer(self, text: str) -> str:
        return self._run("psql", "-XAtqc", text, f"{self._peer} dbname=postgres").strip()

    def promote(self) -> None:
        """Begin to make a primary of the standby; returns at once. Its commits wait for nobody."""
        self._write_sync("")
        with suppress(PostgresError):
            self.query("SELECT pg_promote(false)")

    def stop(self) -> None:
        """At once: connections are cut, and what was not acknowledged is lost, as in a crash."""
        self.wanted = False
        self._signal(signal.SIGQUIT)
        if self.state() is not Server.STOPPED:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP)

    def standby(self, name: str) -> Standby | None:
        """How the other site is fed, None where it is not connected. Raises PostgresError."""
        found = self.query(
            "SELECT state = 'streaming', sync_state = 'sync', flush_lsn - '0/0'::pg_lsn,"
            " pg_current_wal_flush_lsn() - '0/0'::pg_lsn"
            f" FROM pg_stat_replication WHERE application_name = '{name}' AND flush_lsn IS NOT NULL"
            " ORDER BY backend_start DESC LIMIT 1"
        )
        if not found:
            return None
        streams, waited_for, flushed, written = found.split("|")
        return Standby(streams == "t", waited_for == "t", int(flushed), int(written))

    def wait_for(self, standby: str) -> None:
        """Let commits wait for that standby from now on, "" = for none."""
        self._write_sync(standby)
        self.query("SELECT pg_reload_conf()")

    def waits_for(self) -> str:
        """The standby that the server itself says commits wait for."""
        return self.query("SHOW synchronous_standby_names")

    def system(self) -> str:
        """The identifier that initdb gave the database, the same in every copy of it."""
        return self._control()["Database system identifier"]

    def query(self, text: str) -> str:
        """What one query answers within a second. Raises PostgresError."""
        return self._run("psql", "-h", self.folder, "-p", PORT, "-XAtqc", text, "postgres", seconds=_QUERY).strip()

    def _was_primary(self) -> bool:
        return "recovery" not in self._control()["Database cluster state"]

    def _control(self) -> Mapping[str, str]:
        lines = self._run("pg_controldata", "-D", self.data).splitlines()
        return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def _copy(self) -> None:
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        self._run("pg_basebackup", "-D", new, "-d", self._peer, "-X", "stream", "-c", "fast", *self._sync)
        new.rename(self.data)

    def _write_sync(self, standby: str) -> None:
        (self.folder / "sync.conf").write_text(f"synchronous_standby_names = '{standby}'\n")

    def _start(self) -> None:
        self.wanted = True
        argv = [BIN / "postgres", "-D", self.data, "-c", f"config_file={self._config}"]
        with (self.folder / "postgresql.log").open("ab") as log:
            # A guardian that was killed takes its server with it: nobody would hold it back any more.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "QUIT", *map(str, argv)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _run(self, program: str, *arguments: object, seconds: float = _COPY) -> str:
        argv = [str(BIN / program), *map(str, arguments)]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise PostgresError(f"{program}: no answer within {seconds} s") from error
        if done.returncode:
            raise PostgresError(f"{program}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
