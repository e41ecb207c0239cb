"""What a guardian does about its PostgreSQL, as a function of what it knows: no clock, no connection."""

from enum import Enum

from deploy.lab.database.ledger import View


class Server(Enum):
    """A PostgreSQL server, as its files and its process show it."""

    STOPPED = "stopped"
    STANDBY = "standby"
    PRIMARY = "primary"


class Deed(Enum):
    """One step. The guardian looks again after each."""

    WAIT = "wait"
    FENCE = "fence"  # stop it at once: it must not be, or can no longer prove that it may be, a primary
    VOUCH = "vouch"  # take the key of the primary
    PROMOTE = "promote"
    START = "start"  # as the primary
    FOLLOW = "follow"  # start as a standby of the other site, rewound where it must be
    YIELD = "yield"  # give the key back: the server died, and the other site lacks nothing


def decide(site: str, view: View | None, *, lease: int, safe: bool, server: Server, died: bool) -> Deed:
    """The next step of the guardian of `site`.

    `view` is None where no majority answers. `lease` is the guardian's own; `safe`: etcd cannot have ended it yet, by
    this machine's clock. `died`: PostgreSQL ended though nobody told it to.
    """
    mine = view is not None and view.site == site
    holds = view is not None and mine and lease != 0 and view.lease == lease
    if server is Server.PRIMARY and not (safe and (holds or view is None)):
        return Deed.FENCE
    if view is None:
        return Deed.WAIT
    if not mine:
        return _beside(view, server)
    if not holds:
        return Deed.WAIT if view.holder or (died and view.synced) else Deed.VOUCH
    if server is Server.STANDBY:
        return Deed.PROMOTE
    if server is Server.STOPPED:
        return Deed.YIELD if died and view.synced else Deed.START
    return Deed.WAIT


def _beside(view: View, server: Server) -> Deed:
    """It is the other site's turn."""
    follows = server is Server.STOPPED and view.holder != "" and view.holder == view.site
    return Deed.FOLLOW if follows else Deed.WAIT
