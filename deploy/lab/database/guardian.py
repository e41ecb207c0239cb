"""The guardian of one site's PostgreSQL: starts it, promotes it, and stops it before anybody else may be promoted.

Every half second: renew the lease, read the ledger, decide, do one thing. A primary runs only while this process can
prove by its own clock that etcd has not ended its lease; the proof counts from before the renewal was sent, so etcd's
clock may begin later, never earlier. `MARGIN` is what stopping may take.

Writes wait for the standby (synchronous replication), which is the second fence: should this process stand still with
its server running, that server cannot acknowledge a write any more once the standby follows somebody else. When the
standby is gone, the ledger is told first and commits stop waiting after that, never the other way round: who is noted
as "in sync" has every write that was ever acknowledged.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from deploy.lab.database.decide import Deed, Server, decide
from deploy.lab.database.etcd import Etcd, NoMajorityError
from deploy.lab.database.ledger import TTL, Ledger, View
from deploy.lab.database.postgres import Postgres, PostgresError, Standby

MARGIN = 1.5  # seconds
TICK = 0.5
GIVE_UP = 4.0  # seconds that commits wait for a standby that is not connected
SILENT = 5.0  # seconds without an answer after which a primary counts as dead
BELATED = 20.0  # seconds after which a server that died is started again, where nobody took its turn


class Guardian:
    """`step()` is one round; all times are monotonic seconds."""

    def __init__(self, site: str, peer: str, ledger: Ledger, server: Postgres, found: bool) -> None:
        self._site, self._peer = site, peer
        self._ledger, self._server = ledger, server
        self._found = found
        self._lease = 0
        self._renewed = float("-inf")
        self._died = float("-inf")
        self._answered = self._fed = 0.0
        self._target: int | None = None
        self._said = ""

    def step(self) -> None:
        """Look, decide, do."""
        view = self._look()
        now = time.monotonic()
        hangs, server = self._hangs(now), self._server.state()
        if hangs or (server is Server.STOPPED and self._server.wanted):
            self._say("PostgreSQL died")
            self._server.stop()
            self._died, server = now, Server.STOPPED
        died = now - self._died < BELATED
        safe = now - self._renewed < TTL - MARGIN
        deed = decide(self._site, view, lease=self._lease, safe=safe, server=server, died=died)
        if deed is Deed.WAIT:
            if view and view.lease == self._lease and server is Server.PRIMARY:
                self._feed(view, now)
            return
        self._say(f"{deed.value}: {self._reason(view)}")
        self._do(deed, view)

    def _look(self) -> View | None:
        try:
            self._renew()
            view = self._ledger.view()
            if view.leaving == self._site:
                self._ledger.leave("")
            if view.number == 0 and self._found:
                self._ledger.found(self._site, self._server.system())
                view = self._ledger.view()
        except NoMajorityError as error:
            self._say(f"no majority: {error}")
            return None
        return view

    def _renew(self) -> None:
        """At most until the lease would have to be called lost: then there is something to do here."""
        begun = time.monotonic()
        left = self._renewed + TTL - MARGIN - begun
        if self._lease and self._ledger.etcd.renew(self._lease, left if left > 0 else TTL):
            self._renewed = begun
            return
        self._lease = self._ledger.etcd.grant(TTL)
        self._renewed = begun

    def _hangs(self, now: float) -> bool:
        if self._server.state() is not Server.PRIMARY:
            self._answered = self._fed = now
            return False
        try:
            self._server.query("SELECT 1")
            self._answered = now
        except PostgresError as error:
            if "starting up" in str(error):  # it replays its log after a crash, and that takes what it takes
                self._answered = self._fed = now
        return now - self._answered > SILENT

    def _do(self, deed: Deed, view: View | None) -> None:
        try:
            if deed is Deed.FENCE:
                self._server.stop()
            elif deed is Deed.PROMOTE:
                self._server.promote()
            elif deed is Deed.FOLLOW:
                self._server.follow()
            elif view and deed is Deed.VOUCH:
                self._ledger.vouch(view, self._lease)
            elif view and deed is Deed.YIELD:
                self._ledger.release(view)
            elif view and deed is Deed.START:
                self._server.start_primary(view.synced)
        except (PostgresError, NoMajorityError) as error:
            self._say(f"{deed.value} failed: {error}")

    def _feed(self, view: View, now: float) -> None:
        """Keep what the ledger says about the standby, and what commits wait for, true."""
        try:
            standby, waits = self._server.standby(self._peer), self._server.waits_for()
            if view.leaving == self._peer:
                self._part(view, waits)
            elif standby and standby.streams:
                self._fed = now
                self._join(view, standby, waits)
            elif now - self._fed > GIVE_UP:
                self._part(view, waits)
        except (PostgresError, NoMajorityError) as error:
            self._say(f"replication: {error}")

    def _join(self, view: View, standby: Standby, waits: str) -> None:
        if waits != self._peer:
            self._server.wait_for(self._peer)
            self._target = None
        elif standby.waited_for and view.synced != self._peer:
            # What was written before commits waited must be there, too.
            self._target = self._target or standby.written
            if standby.flushed >= self._target and self._ledger.mark_synced(view, self._peer):
                self._say(f"{self._peer} is in sync")

    def _part(self, view: View, waits: str) -> None:
        self._target = None
        if view.synced:
            if self._ledger.mark_synced(view, ""):
                self._say(f"{self._peer} is gone: it is not in sync any more")
        elif waits:
            self._server.wait_for("")

    def close(self) -> None:
        """Stop the server in a hurry, and say so to whoever waits."""
        was = self._server.state()
        if was is Server.STANDBY:
            self._leave()
        self._server.stop()
        try:
            view = self._ledger.view()
            if was is Server.PRIMARY and view.lease == self._lease:
                self._ledger.release(view)
        except NoMajorityError:
            pass  # the lease ends by itself

    def _leave(self) -> None:
        """Let no commit at the primary wait for this standby before it goes."""
        try:
            self._ledger.leave(self._site)
            deadline = time.monotonic() + GIVE_UP
            while self._ledger.view().synced == self._site and time.monotonic() < deadline:
                time.sleep(TICK)
            time.sleep(4 * TICK)  # the primary is told after the ledger
        except NoMajorityError as error:
            self._say(f"nobody knows that it leaves: {error}")

    def _reason(self, view: View | None) -> str:
        if view is None:
            return "no majority answers, and the lease may be over"
        held = f"held by {view.holder}" if view.holder else "held by nobody"
        return f"term {view.number} is of {view.site}, {held}, in sync: {view.synced or 'nobody'}"

    def _say(self, text: str) -> None:
        if text != self._said:
            print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
        self._said = text


def main() -> None:
    """Until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--site", required=True)
    parser.add_argument("--peer", required=True, help="the other site")
    parser.add_argument("--peer-server", required=True, help="connection string of its server")
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--etcd", required=True, nargs="+")
    parser.add_argument("--tls", type=Path, help="folder with ca.pem, client.pem, client.key: for https endpoints")
    parser.add_argument("--found", action="store_true", help="this site has the data that all begin with")
    parser.add_argument("--no-sync", action="store_true", help="a power cut may spoil a new copy: for fsync = off")
    arguments = parser.parse_args()
    peer = f"{arguments.peer_server} application_name={arguments.site}"
    server = Postgres(arguments.folder, peer, not arguments.no_sync)
    ledger = Ledger(Etcd(arguments.etcd, arguments.tls))
    guardian = Guardian(arguments.site, arguments.peer, ledger, server, arguments.found)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            guardian.step()
            time.sleep(TICK)
    finally:
        guardian.close()


if __name__ == "__main__":
    main()
