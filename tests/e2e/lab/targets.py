"""The target servers of a site, and what the truth says of them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tests.e2e.lab.host import Host
from tests.e2e.lab.truth import Truth

Mode = Literal["ok", "refuse", "tarpit", "error"]
PORT = 8080
_SERVER = Path(__file__).with_name("server.py")


class Targets:
    """One process with a listener on each of `addresses`. Whatever it does here the truth knows."""

    def __init__(self, host: Host, addresses: Sequence[str], truth: Truth) -> None:
        self.host = host
        self.addresses = list(addresses)
        self._truth = truth

    def start(self) -> float:
        """Start or restart it: all of them answer well. Returns the moment."""
        self.host.start(sys.executable, "-I", str(_SERVER), str(PORT), *self.addresses, pipes=True)
        begun = self._reply()
        for cause in ("mode", "process"):
            self._truth.live(self.addresses, cause, begun)
        return begun

    def turn(self, address: str, mode: Mode) -> float:
        """Change what one address does. Returns the moment."""
        assert address in self.addresses
        process = self.host.process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(f"{address} {mode}\n".encode())
        process.stdin.flush()
        done = self._reply()
        change = self._truth.live if mode == "ok" else self._truth.die
        change([address], "mode", done)
        return done

    def kill(self) -> float:
        """End the process: everything refuses. Returns the moment."""
        return self._dead(self.host.kill())

    def stop(self) -> float:
        """SIGSTOP: connections open, and nothing answers. Returns the moment."""
        return self._dead(self.host.stop())

    def resume(self) -> float:
        """SIGCONT. Returns the moment."""
        when = self.host.resume()
        self._truth.live(self.addresses, "process", when)
        return when

    def _dead(self, when: float) -> float:
        self._truth.die(self.addresses, "process", when)
        return when

    def _reply(self) -> float:
        process = self.host.process
        assert process is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, self.host.messages()
        return float(line)
