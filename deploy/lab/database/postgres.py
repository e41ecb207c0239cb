"""One PostgreSQL server as its guardian handles it: started as its child, so that it never outlives it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from deploy.lab.database.decide import Server

BIN = Path("/usr/lib/postgresql/15/bin")
PORT = 5432
QUERY = 1.0  # seconds
_COPY = 24 * 3600.0  # a large database takes hours
STOP = 0.4  # seconds to end by itself, and again to be gone; to kill it loses no more, since each is a crash
_TAIL = 16384  # octets of the log; its complaint comes again each few seconds
# What a standby says when the primary has not got (any more) what it needs.
_LOST = ("has already been removed", "is not in this server's history", "is behind recovery timeline")


# A copy streams the log, too; under the name of the site it would count as the standby that commits wait for.
_NO_STANDBY = "application_name=copy"


class PostgresError(Exception):
    """What one of its programs said."""


class Standby(NamedTuple):
    """How the other site's server is fed. Offsets are of the write-ahead log, in octets."""

    streams: bool
    waited_for: bool  # commits wait for it
    flushed: int
    written: int  # by the primary itself


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
        self._began = 0  # where its part of the log begins
        self.wanted = False  # True = it was started and not stopped: where it is not there, it died

    def state(self) -> Server:
        """By its process and by the file that makes a standby of it, which a promotion removes."""
        if self._process is None or self._process.poll() is not None:
            return Server.STOPPED
        return Server.STANDBY if (self.data / "standby.signal").exists() else Server.PRIMARY

    def start_primary(self, waits_for: str) -> None:
        """Start it as the primary whose commits wait for that standby, "" = for none.

        What was a standby starts as one, and is promoted then: each primary that follows another has its own timeline.
        """
        self._write_sync(waits_for)
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
        elif self.was_primary():
            self._rewind()
        self._write_sync("")
        (self.data / "standby.signal").touch()
        (self.folder / "peer.conf").write_text(f"primary_conninfo = '{self._peer}'\n")
        self._start()

    def _rewind(self) -> None:
        # Right after a promotion the other site's control file names the old timeline until its checkpoint.
        self._ask_peer("CHECKPOINT")
        # It completes a crash recovery first, and the data folder's own settings say nothing of wal_log_hints.
        places = f"--config-file={self._config}", f"--source-server={self._peer} dbname=postgres {_NO_STANDBY}"
        try:
            self._run("pg_rewind", "-D", self.data, *places, *self._sync)
        except PostgresError as error:
            print(f"it is copied, since it cannot be rewound: {str(error).splitlines()[-1]}", flush=True)
            self.put_aside()
            self._copy()

    def put_aside(self) -> None:
        """Make room for a copy: the data of the server, which is stopped, are data.old from now on."""
        shutil.rmtree(self.folder / "data.old", ignore_errors=True)
        self.data.rename(self.folder / "data.old")

    def _ask_peer(self, text: str) -> str:
        return self._run("psql", "-XAtqc", text, f"{self._peer} dbname=postgres").strip()

    def promote(self) -> None:
        """Begin to make a primary of the standby; returns at once. Its commits wait for nobody."""
        self._write_sync("")
        with suppress(PostgresError):
            self.query("SELECT pg_promote(false)")

    def stop(self) -> None:
        """At once: connections are cut, and what was not acknowledged is lost, as in a crash. `state` says if it is."""
        self.wanted = False
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP)
        deadline = time.monotonic() + STOP
        while (left := self._processes()) and time.monotonic() < deadline:
            for number in left:
                with suppress(OSError):
                    os.kill(number, signal.SIGKILL)
            self.state()  # which takes note of the postmaster's end
            time.sleep(0.02)

    def _processes(self) -> list[int]:
        """All of this server's, those too that a killed postmaster left behind: they work in its data folder."""
        place, found = self.data.resolve(), []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "cwd").readlink() == place and (process / "exe").readlink().parent == BIN:
                    found.append(int(process.name))
        return found

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
        return self._run("psql", "-h", self.folder, "-p", PORT, "-XAtqc", text, "postgres", seconds=QUERY).strip()

    def streams(self) -> bool:
        """Whether this standby is fed. One that answers nobody for want of what it was to be fed with is not."""
        with suppress(PostgresError):
            return self.query("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") != "0"
        return False

    def lost(self) -> bool:
        """Whether this standby says that the other site's primary, which answers, cannot feed it any more."""
        with (self.folder / "postgresql.log").open("rb") as log:
            log.seek(max(self._began, log.seek(0, os.SEEK_END) - _TAIL))
            said = log.read().decode(errors="replace")
        with suppress(PostgresError):
            return any(words in said for words in _LOST) and self._ask_peer("SELECT pg_is_in_recovery()") == "f"
        return False

    def was_primary(self) -> bool:
        """Whether the data are those of a primary. Raises PostgresError, too where there are none."""
        state = self._control()["Database cluster state"]
        standby = (self.data / "standby.signal").exists() or state in ("in archive recovery", "shut down in recovery")
        return not standby

    def _control(self) -> Mapping[str, str]:
        lines = self._run("pg_controldata", "-D", self.data).splitlines()
        return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def _copy(self) -> None:
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        self._run(
            "pg_basebackup", "-D", new, "-d", f"{self._peer} {_NO_STANDBY}", "-X", "stream", "-c", "fast", *self._sync
        )
        (new / "standby.signal").touch()
        new.rename(self.data)

    def _write_sync(self, standby: str) -> None:
        new = self.folder / "sync.conf.new"
        new.write_text(f"synchronous_standby_names = '{standby}'\n")
        new.replace(self.folder / "sync.conf")

    def _start(self) -> None:
        self.wanted = True
        argv = [BIN / "postgres", "-D", self.data, "-c", f"config_file={self._config}", "-c", "synchronous_commit=on"]
        with (self.folder / "postgresql.log").open("ab") as log:
            self._began = log.tell()
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
