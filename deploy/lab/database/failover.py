"""Pgpool-II's failover_command. Each site's Pgpool calls it when a server fails its health check.

It decides and does nothing else: the guardian of the successor promotes, and the keeper tells Pgpool where. Whoever
calls, however often, about whichever server, one failure of a primary makes one promotion:

- It is not that server's turn: it was a standby, or the other Pgpool was first. Nothing to do.
- No majority of etcd answers, for longer than an election takes: this site may be cut off. Nothing is done.
- Somebody vouches for the primary, and has renewed the lease since: only the way to it is broken. Nothing to do.
- The standby lacks writes that were acknowledged: a person must decide (`python -m deploy.lab promote`).
- Else the next term is written by one transaction that compares everything that was read.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.lab.database.etcd import Etcd, NoMajorityError
from deploy.lab.database.ledger import TTL, Ledger

PATIENCE = 15.0  # seconds: longer than a lease, and the election of a leader that died with its site
ELECTION = 6.0  # the election alone
_STEP = 0.3
_RENEWED = 2.0  # seconds after which a lease that has all but one of its seconds left was renewed since


def fail_over(ledger: Ledger, failed: str, say: Callable[[str], None], patience: float = PATIENCE) -> bool:
    """Pass the turn of a failed primary on. Whether another site has it when this returns."""
    begun = heard = time.monotonic()
    while time.monotonic() < min(begun + patience, heard + ELECTION):
        try:
            view = ledger.view()
            heard = time.monotonic()
            if view.site != failed:
                say(f"term {view.number} is of {view.site}: nothing to do")
                return bool(view.site)
            if view.holder and heard - begun > _RENEWED and ledger.etcd.left(view.lease) >= TTL - 1:
                break
            if not view.holder:
                if view.synced in ("", failed):
                    say(f"term {view.number} ended without a standby in sync: a person must decide")
                    return False
                if ledger.pass_on(view):
                    say(f"term {view.number + 1} is of {view.synced}")
                    return True
        except NoMajorityError as error:
            say(f"no majority, so nothing is done: {error}")
        time.sleep(_STEP)
    say(f"{failed} vouches for its primary, or no majority answers: nothing was done")
    return False


def main() -> int:
    """Exit code 0: the primary's turn is elsewhere now, or the server that failed was none."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--failed", required=True, help="the address of the server that failed")
    parser.add_argument("--sites", required=True, nargs="+", help="tokyo=192.0.2.20 osaka=...")
    parser.add_argument("--etcd", required=True, nargs="+")
    parser.add_argument("--tls", type=Path, help="folder with ca.pem, client.pem, client.key: for https endpoints")
    arguments = parser.parse_args()
    failed = next(
        name for name, _, address in (s.partition("=") for s in arguments.sites) if address == arguments.failed
    )

    def say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} the server of {failed} fails its health check: {text}", flush=True)

    ledger = Ledger(Etcd(arguments.etcd, arguments.tls))
    return 0 if fail_over(ledger, failed, say) else 1


if __name__ == "__main__":
    sys.exit(main())
