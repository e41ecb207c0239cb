"""Who is the primary: four keys in etcd, and the only transactions that change them.

    term     {"number": 7, "site": "tokyo", "system": "73..."}   whose turn it is. Each failover is the next number
    primary  {"site": "tokyo", "term": 7}, with a lease   held while that site's guardian vouches for a primary
    synced   {"site": "osaka"}, "" = none                 who has every write that was acknowledged
    leaving  {"site": "osaka"}                            the standby that is about to be stopped in order

A failover compares the first three and writes the next term, so of any number of callers who mean the same failure
exactly one succeeds, and it succeeds only when nobody vouches for the old primary and the successor lacks nothing.
"""

from typing import NamedTuple

from deploy.lab.database.etcd import PATIENCE, Entry, Etcd

TTL = 6  # seconds of the lease of who vouches
PREFIX = "/zabbix-db/"
_TERM, _PRIMARY, _SYNCED, _LEAVING = (PREFIX + name for name in ("term", "primary", "synced", "leaving"))
_NONE = Entry({}, 0, 0)


class View(NamedTuple):
    """The keys at one revision. Number 0: nobody has founded the database yet."""

    number: int
    site: str  # whose turn it is
    system: str  # PostgreSQL's own identifier of the database
    holder: str  # who vouches for a primary, "" = nobody
    lease: int  # of the holder
    synced: str  # who has every acknowledged write, "" = nobody else
    revisions: tuple[int, int, int] = (0, 0, 0)
    leaving: str = ""  # who is about to be stopped, so that nobody waits for it


class Ledger:
    """Raises NoMajorityError from everything."""

    def __init__(self, etcd: Etcd) -> None:
        self.etcd = etcd

    def view(self, within: float = PATIENCE) -> View:
        """What a majority agrees on now; an answer is waited for no longer than `within` seconds."""
        found = self.etcd.read(PREFIX, within)
        term, primary, synced = (found.get(key, _NONE) for key in (_TERM, _PRIMARY, _SYNCED))
        return View(
            int(term.value.get("number", 0)),
            term.value.get("site", ""),
            term.value.get("system", ""),
            primary.value.get("site", ""),
            primary.lease,
            synced.value.get("site", ""),
            (term.revision, primary.revision, synced.revision),
            found.get(_LEAVING, _NONE).value.get("site", ""),
        )

    def found(self, site: str, system: str) -> bool:
        """Write the first term, once in the life of a database."""
        first = {"number": 1, "site": site, "system": system}
        return self.etcd.swap({_TERM: 0}, {_TERM: first, _SYNCED: {"site": ""}})

    def vouch(self, view: View, lease: int) -> bool:
        """Hold the key of the primary: it is this site's turn, and nobody holds it."""
        value = {"site": view.site, "term": view.number}
        return self.etcd.swap({_TERM: view.revisions[0], _PRIMARY: 0}, {_PRIMARY: value}, lease)

    def release(self, view: View) -> bool:
        """Vouch no longer, at once: call it when PostgreSQL has surely ended."""
        return self.etcd.swap({_PRIMARY: view.revisions[1]}, {_PRIMARY: None})

    def mark_synced(self, view: View, site: str, within: float = PATIENCE) -> bool:
        """Note who has every acknowledged write; only the holder may, and while it holds."""
        return self.etcd.swap(self._all(view), {_SYNCED: {"site": site}}, within=within)

    def leave(self, site: str) -> bool:
        """Announce that a standby is about to be stopped; "" takes it back."""
        return self.etcd.swap({}, {_LEAVING: {"site": site} if site else None})

    def pass_on(self, view: View) -> bool:
        """The failover: the turn of whoever is in sync begins. False: something has changed since `view` was read."""
        assert not view.holder
        assert view.synced
        term = {"number": view.number + 1, "site": view.synced, "system": view.system}
        return self.etcd.swap(self._all(view), {_TERM: term, _SYNCED: {"site": ""}})

    def force(self, view: View, site: str, after: int = 0) -> bool:
        """An operator's word: this site's turn begins, whatever it lacks. Still not while somebody vouches.

        `after`: the highest term that a site has seen, where etcd has lost it.
        """
        assert not view.holder
        term = {"number": max(view.number, after) + 1, "site": site, "system": view.system}
        return self.etcd.swap(self._all(view), {_TERM: term, _SYNCED: {"site": ""}})

    @staticmethod
    def _all(view: View) -> dict[str, int]:
        return dict(zip((_TERM, _PRIMARY, _SYNCED), view.revisions, strict=True))
