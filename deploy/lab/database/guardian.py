"""The guardian of one site's PostgreSQL: starts it, promotes it, and stops it before anybody else may be promoted.

Every half second: renew the lease, read the ledger, decide, do one thing. A primary runs only while this process can
prove by its own clock that etcd has not ended its lease (lease.py). Whatever is asked beside a primary is asked only
while there is time for its whole answer, so the worst case is: the proof ends, 4.5 s after the last renewal was sent,
as a pause of 0.5 s begins; then SIGQUIT is not obeyed for 0.4 s, nor SIGKILL for as long. It is over after 5.8 s of 6.

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
from typing import NamedTuple

from deploy.lab.database.decide import Deed, Server, decide
from deploy.lab.database.etcd import Etcd, NoMajorityError
from deploy.lab.database.lease import TICK, Lease
from deploy.lab.database.ledger import Ledger, View
from deploy.lab.database.postgres import QUERY, Postgres, PostgresError, Standby
from deploy.lab.database.record import Record

GIVE_UP = 4.0  # seconds that commits wait for a standby that is not connected
SILENT = 5.0  # seconds without an answer after which a primary counts as dead
BELATED = 20.0  # seconds after which a server that died is started again, where nobody took its turn
STARVED = 60.0  # seconds between two looks at a standby's stream; two find none: a cut and a promotion are over by then
_FEED = 3 * QUERY  # seconds that it takes at most: two questions, and one change of the server or of the ledger


class Place(NamedTuple):
    """The names of a site and of the other one; `found`: this one has the data that all begin with."""

    site: str
    peer: str
    found: bool = False


class Guardian:
    """`step()` is one round; all times are seconds of the lease's clock."""

    def __init__(self, place: Place, ledger: Ledger, server: Postgres, lease: Lease) -> None:
        self._site, self._peer, self._found = place
        self._ledger, self._server, self._lease = ledger, server, lease
        self._record = Record(server.folder)
        self._died = float("-inf")
        self._answered = self._fed = self._nourished = 0.0
        self._hungry = False
        self._target: int | None = None
        self._said = ""

    def step(self) -> None:
        """Look, decide, do."""
        server = self._server.state()
        lapsed = server is Server.PRIMARY and self._lease.left() <= 0
        view = None if lapsed else self._look(server)
        now = self._lease.clock()
        hangs, server = self._hangs(now), self._server.state()
        if hangs or (server is Server.STOPPED and self._server.wanted):
            self._say("PostgreSQL died")
            self._server.stop()
            self._died, server = now, self._server.state()
        died = now - self._died < BELATED
        safe = self._lease.left() > 0
        deed = decide(self._site, view, lease=self._lease.number, safe=safe, server=server, died=died)
        if deed is Deed.WAIT:
            self._tend(view, server, now)
        elif objection := self._objection(deed, view):
            self._say(f"no {deed.value}: {objection}")
        else:
            self._say(f"{deed.value}: {self._reason(view)}")
            self._do(deed, view)

    def _look(self, server: Server) -> View | None:
        try:
            if not self._lease.renew():
                if server is Server.PRIMARY:
                    return None  # it is fenced before another lease is asked for
                self._lease.grant()
            if server is Server.PRIMARY:
                view = self._ledger.view(max(self._lease.left(), TICK / 5))
            else:
                view = self._ledger.view()
                if view.leaving == self._site:
                    self._ledger.leave("")
                if view.number == 0 and self._found and server is Server.STOPPED and self._begin():
                    view = self._ledger.view()
        except (NoMajorityError, PostgresError) as error:
            self._say(f"no majority: {error}" if isinstance(error, NoMajorityError) else str(error))
            return None
        self._record.note(view.number)
        return view

    def _begin(self) -> bool:
        """Found the database, unless it was founded before, here or where these data are a copy of."""
        if self._record.term:
            self._say(f"etcd is empty: {self._record.objection(0)}")
        elif not self._server.was_primary():
            self._say("a standby founds no database")
        else:
            return self._ledger.found(self._site, self._server.system())
        return False

    def _objection(self, deed: Deed, view: View | None) -> str:
        """Why this must not become a primary whatever etcd says; "" where nothing is against it."""
        if view is None or deed not in (Deed.VOUCH, Deed.PROMOTE, Deed.START):
            return ""
        try:
            if deed is Deed.VOUCH and view.system not in ("", system := self._server.system()):
                return f"these data are of the database {system}, and etcd means {view.system}"
        except PostgresError as error:
            return str(error)
        return self._record.objection(view.number)

    def _hangs(self, now: float) -> bool:
        if self._server.state() is not Server.PRIMARY:
            self._answered = self._fed = now
            return False
        if self._lease.left() <= QUERY:
            return False
        try:
            self._server.query("SELECT 1")
            self._answered = now
        except PostgresError as error:
            if "starting up" in str(error):  # it replays its log after a crash, and that takes what it takes
                self._answered = self._fed = now
        return now - self._answered > SILENT

    def _tend(self, view: View | None, server: Server, now: float) -> None:
        """What there is to do beside a server that is as it should be."""
        if server is Server.PRIMARY and view and view.lease == self._lease.number and self._lease.left() > _FEED:
            self._feed(view, now)
        if server is not Server.STANDBY or view is None or view.holder != self._peer:
            self._nourished, self._hungry = now, False
        elif now - self._nourished > STARVED:
            self._nourished = now
            self._nourish()

    def _nourish(self) -> None:
        """Begin anew with a copy where the primary has not got any more what this standby needs."""
        was, self._hungry = self._hungry, not self._server.streams()
        try:
            if was and self._hungry and self._server.lost():
                self._say("it is copied, since the primary has not got any more what it needs")
                self._server.stop()
                if self._server.state() is Server.STOPPED:
                    self._server.put_aside()
        except OSError as error:
            self._say(f"replication: {error}")

    def _do(self, deed: Deed, view: View | None) -> None:
        try:
            if deed is Deed.FENCE:
                self._server.stop()
            elif deed is Deed.PROMOTE:
                self._server.promote()
            elif deed is Deed.FOLLOW:
                self._server.follow()
            elif view and deed is Deed.VOUCH:
                self._ledger.vouch(view, self._lease.number)
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
            if standby.flushed >= self._target and self._ledger.mark_synced(view, self._peer, QUERY):
                self._say(f"{self._peer} is in sync")

    def _part(self, view: View, waits: str) -> None:
        self._target = None
        if view.synced:
            if self._ledger.mark_synced(view, "", QUERY):
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
            ended = self._server.state() is Server.STOPPED
            if ended and was is Server.PRIMARY and view.lease == self._lease.number:
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
    place = Place(arguments.site, arguments.peer, arguments.found)
    guardian = Guardian(place, ledger, server, Lease(ledger.etcd))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            guardian.step()
            time.sleep(TICK)
    finally:
        guardian.close()


if __name__ == "__main__":
    main()
