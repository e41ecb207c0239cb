"""Who may do what: an Authorization header becomes a Grant, or an error that says what to do.

Constant time: the whole token is hashed first, and digests are compared by hmac.compare_digest; an id that nobody has
is compared with a digest that nobody has. What a stopwatch can tell is whether an id exists, which is no secret.

A right token is never made to wait for the wrong ones of others behind the same address: to check it costs a few
microseconds, and no number of guesses finds 256 bits, so nothing is gained by locking the door to the one with the key.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from gslb.api.guesses import AGAIN, Guesses
from gslb.api.tokens import INCLUDED, LONGEST, NODE_TOKEN, Scope, Token, digest, ensure_token, id_of
from gslb.config.model import Config
from gslb.control.secretfiles import mark_of
from gslb.errors import ForbiddenError, StateError, TooManyRequestsError, UnauthorizedError
from gslb.intents import Target

KIND: Final = "tokens"  # of the documents that nodes share
LOOK_EVERY: Final = 1.0  # seconds between looks at the file of the node's own token
log = logging.getLogger("gslb.api")

_NOBODY: Final = digest("")
_HINT: Final = "Authorization: Bearer TOKEN, of `gslb token create` or from the file `token` in the state folder"
_DOES: Final = {"read": "read", "push": "push states", "drain": "drain", "admin": "do this"}


class Shared(Protocol):
    """The part of the store that is needed to check a token."""

    def kept(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        """Documents by their key, as they are known here."""


class Use(NamedTuple):
    """When a token was used (epoch seconds), and from which address."""

    at: float
    source: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request may do: `name` is that of its token, `scopes` all that its scope includes; see Token."""

    name: str
    scopes: tuple[Scope, ...]
    sites: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    expires: float | None = None  # epoch seconds; None: never
    id: str = ""

    @property
    def limited(self) -> bool:
        """Whether it may change some sites or pools only."""
        return bool(self.sites or self.pools)

    def allows(self, scope: Scope, target: Target | None = None, config: Config | None = None) -> bool:
        """Whether it has the scope, and, where a target is given, may do it there; `config` tells where members are."""
        if scope not in self.scopes:
            return False
        return target is None or not self.limited or self._reaches(target, config)

    def require(self, scope: Scope, target: Target | None = None, config: Config | None = None) -> None:
        """Raises ForbiddenError where it does not allow this, with what it does allow."""
        if scope not in self.scopes:
            raise ForbiddenError(
                f"the token {self.name!r} may not {_DOES[scope]}: its scopes are {', '.join(self.scopes)}",
                hint=f"this needs a token with the scope {scope}: gslb token create --scope {scope}",
            )
        if not self.allows(scope, target, config):
            raise ForbiddenError(
                f"the token {self.name!r} may not {_DOES[scope]} {target}: it is for {self._limits()}",
                pointer="/target",
                hint="members are within a site or a pool, a pool is not within one site",
            )

    def _reaches(self, target: Target, config: Config | None) -> bool:
        match target.kind:
            case "site":
                return target.name in self.sites
            case "pool":
                return target.name in self.pools
        pool = config.pools.get(target.pool) if config else None
        sites = {member.site for member in pool.members if member.name == target.name} if pool else set()
        return target.pool in self.pools or not sites.isdisjoint(self.sites)

    def _limits(self) -> str:
        return ", ".join([*(f"site/{site}" for site in self.sites), *(f"pool/{pool}" for pool in self.pools)])


class Access:
    """Checks the tokens of requests to one node. `used` holds when each was used last here, and from where, by id."""

    def __init__(self, node_token: str, shared: Shared, clock: Callable[[], float] = time.time) -> None:
        self.guesses = Guesses()
        self.used: dict[str, Use] = {}
        self._own = digest(node_token)
        self._shared = shared
        self._clock = clock

    async def keep_own(self, path: str) -> None:
        """Take over another token in the node's own file, or make one where it is gone, until cancelled."""
        mark = await asyncio.to_thread(mark_of, path)
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = await asyncio.to_thread(mark_of, path)
            if now == mark:
                continue
            try:
                self._own = digest(await asyncio.to_thread(ensure_token, path))
                mark = await asyncio.to_thread(mark_of, path)
                log.info("the node's own API token was replaced")
            except StateError as error:
                mark = now
                log.error("the node's own API token stays as it was: %s", error.message)

    def check(self, header: str, source: str) -> Grant:
        """The grant of an Authorization header (RFC 6750) that came from the address `source`.

        Raises UnauthorizedError, or TooManyRequestsError where too many wrong tokens came from there.
        """
        scheme, _, given = header.partition(" ")
        given = given.strip()
        if not given or scheme.lower() != "bearer":
            raise UnauthorizedError("a token is needed", hint=_HINT)
        now = self._clock()
        grant = self._find(given, now) if len(given) <= LONGEST else None
        if grant is None:
            raise self._refused(source)
        if grant.expires is not None and grant.expires <= now:
            ended = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(grant.expires))
            raise UnauthorizedError(f"the token {grant.name!r} expired at {ended}", hint="gslb token create")
        if grant.id:
            self.used[grant.id] = Use(now, source)
        return grant

    def _find(self, given: str, now: float) -> Grant | None:
        offered = digest(given)
        if hmac.compare_digest(offered, self._own):
            return Grant(NODE_TOKEN, INCLUDED["admin"])
        document = self._shared.kept(KIND).get(id_of(given))
        token = Token.from_dict(document) if document else None
        if not hmac.compare_digest(offered, token.digest if token else _NOBODY) or token is None:
            return None
        return Grant(token.name, INCLUDED[token.scope], token.sites, token.pools, token.expires, token.id)

    def _refused(self, source: str) -> UnauthorizedError | TooManyRequestsError:
        if self.guesses.too_many(source):
            message = "too many wrong tokens came from this network"
            return TooManyRequestsError(message, retry_after=AGAIN, hint="a right token passes at any time")
        return UnauthorizedError("a valid token is needed: this one is not known here", hint=_HINT)
