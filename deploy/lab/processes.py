"""Programs that run in hosts without systemd: started once, known by pid and start time, ended by that alone."""

import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.lab.network import inside, namespace
from deploy.lab.plan import FOLDER, ROOT, Host
from gslb.server.processes import ProcessId, end

RUN = FOLDER / "run"
_GRACE = 12.0  # seconds that programs have to end in order


class LabError(Exception):
    """What cannot go on; the text says where to look."""


class Service(NamedTuple):
    """One program of one host. `binds` are folders and files that it alone sees in the place of others; `own_ipc`: its
    shared memory is its own, and goes with it however it ends."""

    host: Host
    name: str
    argv: Sequence[str]
    user: str = ""
    binds: Mapping[str, Path] = {}
    own_ipc: bool = False

    @property
    def log(self) -> Path:
        return self.host.folder / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return RUN / f"{self.host.name}.{self.name}"

    def process(self) -> ProcessId | None:
        """The living process."""
        found = recorded(self._pid_file)
        return found if found and found.alive() else None

    def start(self) -> bool:
        """Start it where it does not run. Whether it was started."""
        if self.process():
            return False
        self.log.parent.mkdir(parents=True, exist_ok=True)
        RUN.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                in_host(self.host, self.argv, self.user, self.binds, own_ipc=self.own_ipc),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=environment(),
                start_new_session=True,
            )
        identity = ProcessId.of(process.pid)
        if identity is None:
            raise LabError(f"{self.name} of {self.host.name} ended at once: {self.log}")
        self._pid_file.write_text(json.dumps(identity))
        return True

    def stop(self, grace: float = _GRACE) -> None:
        """SIGTERM, after `grace` seconds SIGKILL; then SIGKILL to what it had started."""
        found = self.process()
        if found:
            _end([found], grace)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL to it and to its children, as the loss of power would."""
        found = self.process()
        for member in _family(found) if found else []:
            member.send(signal.SIGKILL)
        self._pid_file.unlink(missing_ok=True)

    def ready(self, works: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until it works. Raises LabError, with its log, where it ends or the time is over."""
        deadline = time.monotonic() + seconds
        while not works():
            if not self.process():
                raise LabError(f"{self.name} of {self.host.name} has ended; its log is {self.log}\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"{self.name} of {self.host.name} is not ready after {seconds:.0f} s; its log is {self.log}\n"
                    f"{tail(self.log)}"
                )
            time.sleep(0.1)


class Ready:
    """Asks a host whether a command succeeds in it."""

    def __init__(self, host: Host, *argv: str, user: str = "") -> None:
        self._command = in_host(host, argv, user)

    def __call__(self) -> bool:
        try:
            done = subprocess.run(self._command, capture_output=True, timeout=5, check=False, env=environment())
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def in_host(
    host: Host, argv: Sequence[str], user: str = "", binds: Mapping[str, Path] | None = None, *, own_ipc: bool = False
) -> list[str]:
    """The command line that runs another in a host, as a user. The process keeps its pid through all of it."""
    script = "".join(f"mount --bind '{source}' '{target}' && " for target, source in (binds or {}).items())
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
    apart = ["unshare", "--ipc"] if own_ipc else []
    return inside(namespace(host), "sh", "-c", f'{script}exec "$@"', "sh", *apart, *become, *argv)


def run(host: Host, *argv: str, user: str = "", text: str = "", seconds: float = 120) -> str:
    """What a command says that runs in a host to its end. Raises LabError with what it said where it failed."""
    done = subprocess.run(
        in_host(host, argv, user),
        input=text,
        text=True,
        capture_output=True,
        timeout=seconds,
        check=False,
        cwd="/",
        env=environment(),
    )
    if done.returncode:
        raise LabError(f"{argv[0]} failed in {host.name}:\n{(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def environment() -> dict[str, str]:
    """Of everything in the lab: nothing of the caller's but the language and this checkout."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def tail(log: Path, lines: int = 8) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(it is empty)"


def recorded(file: Path) -> ProcessId | None:
    """What a pid file says, whether it lives or not."""
    try:
        return ProcessId(*json.loads(file.read_text()))
    except (OSError, ValueError):
        return None


def end_all() -> None:
    """End every process that has a pid file, all at the same time."""
    files = list(RUN.glob("*")) if RUN.exists() else []
    found = [process for file in files if (process := recorded(file)) and process.alive()]
    _end(found, _GRACE)
    for file in files:
        file.unlink()


def _end(processes: list[ProcessId], grace: float) -> None:
    families = [member for process in processes for member in _family(process)]
    end(processes, grace)
    for member in families:
        member.send(signal.SIGKILL)


def _family(process: ProcessId) -> list[ProcessId]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            children.setdefault(_parent(entry), []).append(int(entry.name))
    found, queue = [process], [process.pid]
    while queue:
        for pid in children.get(queue.pop(), []):
            identity = ProcessId.of(pid)
            if identity:
                found.append(identity)
                queue.append(pid)
    return found


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def own(paths: Iterable[Path], user: str) -> None:
    """Make folders that belong to a user, and give it files that are there."""
    account = pwd.getpwnam(user)
    for path in paths:
        if not path.exists():
            path.mkdir(parents=True)
        os.chown(path, account.pw_uid, account.pw_gid)
