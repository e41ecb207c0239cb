"""PostgreSQL servers of Debian's package, in folders of their own, as a user without privileges.

Needs a port, not a service: whatever else the machine runs stays as it is.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ports import free_port

ADMIN = "admin"  # may do everything, from loopback, without a password
USER, PASSWORD = "gslb", "correct horse"
HBA = f"""\
host all,replication {ADMIN} 127.0.0.0/8 trust
host all all 127.0.0.0/8 scram-sha-256
host all all ::1/128 scram-sha-256
"""
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB", "unix_socket_directories": "''"}
_PATIENCE = 30.0  # seconds for one start, copy or promotion


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, or a skipped test that says what to install."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = shutil.which(name, path=os.pathsep.join(map(str, folders))) or shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: apt-get install postgresql")
    return path


def _account() -> pwd.struct_passwd | None:
    """Whom the servers run as; None = whoever runs the tests. PostgreSQL refuses to run as root."""
    if os.geteuid():
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


class Cluster:
    """One server: `Cluster().create().start()`, or `Cluster().follow(primary).start()`; `close()` ends it."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        """Port 0 = one that is free now."""
        self.address = address
        self.port = port or free_port(address)
        self._account = _account()
        self.folder = Path(tempfile.mkdtemp(prefix="gslb-postgres-"))
        self.data = self.folder / "data"
        if self._account:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        self.process: subprocess.Popen[bytes] | None = None

    def create(self) -> "Cluster":
        """A new primary, with the role that probes log in as."""
        self._run("initdb", "-D", self.data, "-U", ADMIN, "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        (self.data / "pg_hba.conf").write_text(HBA)
        settings = "".join(f"{key} = {value}\n" for key, value in QUICK.items())
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)
        role = f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}';\n"
        self._run("postgres", "--single", "-D", self.data, "postgres", given=role)
        return self

    def follow(self, primary: "Cluster") -> "Cluster":
        """A streaming standby of a primary that runs."""
        source = f"host={primary.address} port={primary.port} user={ADMIN}"
        self._run("pg_basebackup", "-D", self.data, "-d", source, "-R", "-X", "stream", "-c", "fast", "-N")
        return self

    def start(self, **settings: str) -> "Cluster":
        """Start it and wait until it takes connections; `settings` are more lines of its configuration."""
        self.begin(**settings)
        deadline = time.monotonic() + _PATIENCE
        while self._call("psql", *self._place(), "-c", "SELECT 1").returncode:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)
        return self

    def begin(self, **settings: str) -> "Cluster":
        """Start it and return at once."""
        given = {"listen_addresses": self.address, "port": str(self.port), **settings}
        options = [f"--{key}={value}" for key, value in given.items()]
        with (self.folder / "log").open("ab") as log:
            argv = [program("postgres"), "-D", str(self.data), *options]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._as_user())
        return self

    def stop(self) -> None:
        """End it at once, as a crash would, connections and all."""
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(_PATIENCE)
            self.process = None

    def close(self) -> None:
        """End it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder)

    def promote(self) -> None:
        """Make a primary of a standby; returns when it is one."""
        assert self.sql("SELECT pg_promote()") == "t"

    def sql(self, text: str) -> str:
        """What a query says, as text."""
        done = self._run("psql", *self._place(), "-c", text)
        return done.stdout.strip()

    def log(self) -> str:
        """What the server wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def own(self, name: str, octets: bytes) -> Path:
        """A file that the server alone can read, as it wants its key."""
        path = self.folder / name
        path.touch(0o600)
        path.write_bytes(octets)
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)
        return path

    def _place(self) -> tuple[str, ...]:
        return "-h", self.address, "-p", str(self.port), "-U", ADMIN, "-d", "postgres", "-XAtq"

    def _as_user(self) -> dict[str, object]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(self.folder)}
        options: dict[str, object] = {"cwd": self.folder, "env": environment}
        if self._account:
            options |= {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        return options

    def _call(self, name: str, *arguments: object, given: str = "") -> "subprocess.CompletedProcess[str]":
        argv = [program(name), *map(str, arguments)]
        return subprocess.run(
            argv, input=given, capture_output=True, text=True, timeout=_PATIENCE, check=False, **self._as_user()
        )

    def _run(self, name: str, *arguments: object, given: str = "") -> "subprocess.CompletedProcess[str]":
        done = self._call(name, *arguments, given=given)
        assert done.returncode == 0, f"{name}: {done.stderr}{done.stdout}"
        return done
