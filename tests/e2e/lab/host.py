"""A host: a namespace in which one program runs, which can be stopped, continued, killed and started again."""

import ctypes
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from tests.conftest import ENVIRONMENT, ROOT
from tests.e2e.lab.net import Network, Place, pids, signal_all, sweep

_NEW_NET = 0x40000000  # CLONE_NEWNET
_LIBC = ctypes.CDLL(None, use_errno=True)


class Host:
    """One namespace. Messages of the program go to `log`, those of every start after one another."""

    def __init__(self, network: Network, place: Place, folder: Path, more: Sequence[str] = ()) -> None:
        self.place = place
        self.address = place.address
        self.folder = folder
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self._network = network
        self._argv: list[str] = []
        self._env: dict[str, str] = {}
        self._pipes = False
        self._cwd = ROOT
        folder.mkdir(parents=True, exist_ok=True)
        self.namespace = network.add_host(place, more)

    def start(
        self, *argv: str, env: Mapping[str, str] | None = None, pipes: bool = False, tree: Path | None = None
    ) -> None:
        """Start its program; `pipes` keeps both ends of a talk with it, `tree` is the folder of another version."""
        self._argv, self._env, self._pipes = list(argv), {**ENVIRONMENT, **(env or {})}, pipes
        self._cwd = tree or ROOT
        if tree:
            self._env["PYTHONPATH"] = str(tree)
        self.restart()

    def restart(self) -> None:
        """Start the same program once more, after it has ended."""
        self.kill()
        self._launch()

    def relaunch(self) -> None:
        """The same after the program alone was killed: what it had started may live on."""
        self._reap()
        self._launch()

    def _launch(self) -> None:
        pipe = subprocess.PIPE if self._pipes else None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._network.inside(self.namespace, *self._argv),
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
            )

    def run(self, *argv: str, seconds: float = 20) -> subprocess.CompletedProcess[str]:
        """Run a command in here to its end."""
        inside = self._network.inside(self.namespace, *argv)
        return subprocess.run(inside, capture_output=True, text=True, timeout=seconds, env=ENVIRONMENT, cwd=ROOT)

    def pids(self) -> list[int]:
        """All its processes."""
        return pids(self.namespace)

    def stop(self) -> float:
        """SIGSTOP to all of them. Returns the moment."""
        signal_all(self.namespace, signal.SIGSTOP)
        return time.monotonic()

    def resume(self) -> float:
        """SIGCONT to all of them. Returns the moment before."""
        begun = time.monotonic()
        signal_all(self.namespace, signal.SIGCONT)
        return begun

    def kill(self) -> float:
        """SIGKILL to all of them. Returns the moment from which none lives."""
        if self.process:
            self.process.kill()  # it may not have reached its namespace yet
        signal_all(self.namespace, signal.SIGKILL)
        self._reap()
        return time.monotonic()

    def terminate(self, seconds: float = 10) -> None:
        """SIGTERM to the program; SIGKILL to all that lives on after so many seconds."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def _reap(self) -> None:
        if self.process:
            self.process.wait(10)
            sweep([self.process.pid])
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe:
                    pipe.close()
            self.process = None

    def open_socket(self, kind: socket.SocketKind = socket.SOCK_DGRAM) -> socket.socket:
        """A socket of this process that lives in that namespace, whatever becomes of its programs."""
        made: Future[socket.socket] = Future()
        thread = threading.Thread(target=self._open, args=(kind, made))
        thread.start()
        thread.join()
        return made.result(0)

    def _open(self, kind: socket.SocketKind, made: Future[socket.socket]) -> None:
        # A namespace belongs to a thread: this one ends at once, so that nothing else is opened in there.
        try:
            with Path("/run/netns", self.namespace).open() as file:
                if _LIBC.setns(file.fileno(), _NEW_NET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.set_result(socket.socket(socket.AF_INET, kind))
        except OSError as error:
            made.set_exception(error)

    def messages(self) -> str:
        """What its programs have said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
