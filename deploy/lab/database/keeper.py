"""Takes servers back into one site's Pgpool-II, which never does that of its own accord once it has lost all of them.

A server is attached when it answers as the ledger says that it should: the primary whose turn it is, vouched for, or a
standby that streams. And Pgpool asks for a failover once, when its health check fails: where that came too early, the
keeper asks again, in the same way and with the same guards. Nothing is done while no majority answers.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.lab.database.etcd import Etcd, NoMajorityError
from deploy.lab.database.failover import fail_over
from deploy.lab.database.ledger import Ledger, View

_TICK = 2.0
_UP, _DOWN = ("1", "2"), "3"
_STUCK = 3  # looks in a row
_PATIENCE = 3  # seconds for one question
_PAUSE = 10.0  # seconds that Pgpool has to take a server in; until then it is not told again


class Keeper:
    """`sites` are the backends of Pgpool in its order, by name, with their addresses."""

    def __init__(self, ledger: Ledger, sites: Sequence[tuple[str, str]], port: int, folder: Path, clients: int) -> None:
        self._ledger = ledger
        self._sites = sites
        self._port = port
        self._said = ""
        self._clients, self._failures = clients, 0
        self._told = dict.fromkeys(range(len(sites)), float("-inf"))
        self._environment = {**os.environ, "PCPPASSFILE": str(folder / "pcppass"), "PGPASSFILE": str(folder / "pgpass")}

    def step(self) -> None:
        """Attach what Pgpool calls down and is not."""
        states = [self._status(number) for number in range(len(self._sites))]
        try:
            view = self._ledger.view()
        except NoMajorityError:
            return
        down = [number for number, state in enumerate(states) if state == _DOWN]
        for number, (site, _) in enumerate(self._sites):
            if site == view.leaving != view.site and states[number] in _UP:
                self._pcp("pcp_detach_node", str(number))
                _say(f"detached {site}, which leaves")
        if not down and self._stuck(view):
            down = [number for number, (site, _) in enumerate(self._sites) if site == view.site]
        # The primary first: Pgpool looks for one whenever it takes a server back.
        for number in sorted(down, key=lambda at: self._sites[at][0] != view.site):
            site, address = self._sites[number]
            if self._fits(view, site, address):
                self._attach(number)
            elif site == view.site and not view.holder:
                fail_over(self._ledger, site, self._once, 1.0)

    def _once(self, text: str) -> None:
        """Say it unless it was the last thing said."""
        if text != self._said:
            _say(text)
        self._said = text

    def _attach(self, number: int) -> None:
        now = time.monotonic()
        if now - self._told[number] > _PAUSE:
            self._told[number] = now
            self._pcp("pcp_attach_node", str(number))
            _say(f"attached {self._sites[number][0]}")

    def _stuck(self, view: View) -> bool:
        """Whether Pgpool serves nobody though it calls every server up. To attach one renews its processes."""
        works = not view.holder or self._ask("127.0.0.1", "SELECT pg_is_in_recovery()", self._clients) == "f"
        self._failures = 0 if works else self._failures + 1
        return self._failures > _STUCK

    def _status(self, number: int) -> str:
        words = self._pcp("pcp_node_info", str(number)).split()
        return words[2] if len(words) > 2 else ""

    def _fits(self, view: View, site: str, address: str) -> bool:
        if site == view.site:
            return view.holder == site and self._ask(address, "SELECT pg_is_in_recovery()") == "f"
        if site == view.leaving:
            return False
        return self._ask(address, "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") == "1"

    def _ask(self, address: str, text: str, port: int = 5432) -> str:
        place = f"host={address} port={port} user=pgpool dbname=postgres connect_timeout=2"
        return self._run("psql", "-XAtqc", text, place)

    def _pcp(self, program: str, number: str) -> str:
        return self._run(program, "-h", "127.0.0.1", "-p", str(self._port), "-U", "pgpool", "-w", "-n", number)

    def _run(self, *argv: str) -> str:
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=_PATIENCE, check=False, env=self._environment
            )
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> None:
    """Until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", required=True, nargs="+", help="tokyo=192.0.2.20 ..., in Pgpool's order")
    parser.add_argument("--port", required=True, type=int, help="of pcp")
    parser.add_argument("--clients", required=True, type=int, help="the port of its clients")
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--etcd", required=True, nargs="+")
    arguments = parser.parse_args()
    sites = [(name, address) for name, _, address in (text.partition("=") for text in arguments.sites)]
    ledger = Ledger(Etcd(arguments.etcd))
    keeper = Keeper(ledger, sites, arguments.port, arguments.folder, arguments.clients)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    while True:
        keeper.step()
        time.sleep(_TICK)


if __name__ == "__main__":
    main()
