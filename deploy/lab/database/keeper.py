"""Lets one site's Pgpool-II have the primary, and nothing but the primary.

Pgpool opens a connection to every server that it calls up for each of its clients, whether it sends queries there or
not: a standby that goes away for maintenance, or for a moment, breaks sessions that never needed it, and every change
of a standby renews processes. So the standby is detached, and what happens to it is no business of Pgpool's.

The primary is attached when it answers as the ledger says that it should: it is its turn, and it is vouched for. Pgpool
never does that of its own accord once it has lost all servers. And it asks for a failover once, when its health check
fails: where that came too early, the keeper asks again, in the same way and with the same guards. Nothing is done
while no majority answers.
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

_TICK, _HURRY = 2.0, 0.5  # seconds between looks, at rest and while there is something to do
_UP, _DOWN = ("1", "2"), "3"
_STUCK, _HUNG = 3, 20  # looks in a row that it refuses, and that it says nothing: more than a minute
_PATIENCE = 1.5  # seconds for one question
_SILENT = "?"
_PAUSE = 3.0  # seconds that Pgpool has to do it; until then it is not told again


def task(sites: Sequence[str], states: Sequence[str], view: View) -> tuple[str, int] | None:
    """What Pgpool has to be told next, and of which server; the primary goes first. `states` are Pgpool's own words."""
    if view.site not in sites:
        return None
    turn = sites.index(view.site)
    if states[turn] == _DOWN:
        return "attach", turn
    standbys = [number for number, state in enumerate(states) if number != turn and state in _UP]
    return ("detach", standbys[0]) if view.holder and standbys else None


class Keeper:
    """`sites` are the backends of Pgpool in its order, by name, with their addresses."""

    def __init__(self, ledger: Ledger, sites: Sequence[tuple[str, str]], port: int, folder: Path, clients: int) -> None:
        self._ledger = ledger
        self._sites = sites
        self._port = port
        self._said = ""
        self._clients, self._refusals, self._silences = clients, 0, 0
        self._told: dict[tuple[str, int], float] = {}
        self._environment = {**os.environ, "PCPPASSFILE": str(folder / "pcppass"), "PGPASSFILE": str(folder / "pgpass")}

    def step(self) -> bool:
        """Attach the primary, detach what is none. Whether there is nothing left to do."""
        states = [self._status(number) for number in range(len(self._sites))]
        try:
            view = self._ledger.view()
        except NoMajorityError:
            return True
        found = task([site for site, _ in self._sites], states, view)
        if found is None and self._stuck(view):
            found = "detach", [site for site, _ in self._sites].index(view.site)
        if found is None:
            return True
        verb, number = found
        if verb == "detach":
            self._tell(verb, number)
        else:
            self._restore(view, number)
        return False

    def _restore(self, view: View, number: int) -> None:
        site, address = self._sites[number]
        if view.holder == site and self._ask(address) == "f":
            self._tell("attach", number)
        elif not view.holder and view.synced not in ("", site):  # "" where the turn has just passed
            fail_over(self._ledger, site, self._once, 1.0)

    def _once(self, text: str) -> None:
        """Say it unless it was the last thing said."""
        if text != self._said:
            _say(text)
        self._said = text

    def _tell(self, verb: str, number: int) -> None:
        now = time.monotonic()
        if now - self._told.get((verb, number), float("-inf")) > _PAUSE:
            self._told[verb, number] = now
            self._pcp(f"pcp_{verb}_node", str(number))
            _say(f"{verb} {self._sites[number][0]}")

    def _stuck(self, view: View) -> bool:
        """Whether Pgpool serves nobody though it calls the primary up. To take it out and in renews its processes.

        One that says nothing in time may be busy with clients, and those would be ended. But it has more processes than
        clients, so where that lasts while the primary itself answers, they hang.
        """
        primary = dict(self._sites).get(view.holder)
        said = self._ask("127.0.0.1", self._clients) if primary else "f"
        hangs = primary is not None and said == _SILENT and self._ask(primary) == "f"
        self._refusals = self._refusals + 1 if said == "" else 0
        self._silences = self._silences + 1 if hangs else 0
        if self._refusals <= _STUCK and self._silences <= _HUNG:
            return False
        _say("Pgpool refuses everybody" if said == "" else "Pgpool says nothing")
        self._refusals = self._silences = 0
        return True

    def _status(self, number: int) -> str:
        words = self._pcp("pcp_node_info", str(number)).split()
        return words[2] if len(words) > 2 else ""

    def _ask(self, address: str, port: int = 5432) -> str:
        """ "f" of a primary, "" of who refuses, _SILENT of who says nothing."""
        place = f"host={address} port={port} user=pgpool dbname=postgres"
        return self._run("psql", "-XAtqc", "SELECT pg_is_in_recovery()", place)

    def _pcp(self, program: str, number: str) -> str:
        return self._run(program, "-h", "127.0.0.1", "-p", str(self._port), "-U", "pgpool", "-w", "-n", number)

    def _run(self, *argv: str) -> str:
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=_PATIENCE, check=False, env=self._environment
            )
        except subprocess.TimeoutExpired:
            return _SILENT
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
    parser.add_argument("--tls", type=Path, help="folder with ca.pem, client.pem, client.key: for https endpoints")
    arguments = parser.parse_args()
    sites = [(name, address) for name, _, address in (text.partition("=") for text in arguments.sites)]
    ledger = Ledger(Etcd(arguments.etcd, arguments.tls))
    keeper = Keeper(ledger, sites, arguments.port, arguments.folder, arguments.clients)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    while True:
        time.sleep(_TICK if keeper.step() else _HURRY)


if __name__ == "__main__":
    main()
