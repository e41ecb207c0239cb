"""Tokens made, shown and revoked; and when each was used last, which the nodes tell each other once a day."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

from gslb.api.access import KIND, Access, Shared
from gslb.api.tokens import NODE_TOKEN, Scope, Token, digest, new_secret
from gslb.config.model import Config
from gslb.control.targets import require_known
from gslb.errors import ConflictError, GslbError, InvalidError, NotFoundError
from gslb.intents import Target
from gslb.store.audit import Actor, Deed

MOST: Final = 1000  # tokens
USES: Final = "token-uses"  # the kind of the documents that tell when a token was used last
TELL_USES_EVERY: Final = 60.0  # seconds between looks at what was used
A_DAY: Final = 86_400.0  # seconds after which a use is worth a write, and a line in the record

Json = dict[str, Any]

log = logging.getLogger("gslb.api")


class Keeping(Shared, Protocol):
    """The part of the store that keeps documents for all nodes."""

    async def keep(self, kind: str, key: str, value: Mapping[str, Any] | None, deed: Deed) -> None:
        """Keep a document under a key, or nothing any more. Raises StoreError."""


class TokenWish(NamedTuple):
    """A token as somebody asks for it, good until `expires` (epoch seconds)."""

    name: str
    scope: Scope
    expires: float
    sites: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()


class Issuing:
    """The tokens of all nodes; `config` gives the configuration that is served."""

    def __init__(self, store: Keeping, access: Access, config: Callable[[], Config]) -> None:
        self._store = store
        self._access = access
        self._config = config
        self._one_at_a_time = asyncio.Lock()

    def known(self) -> list[Token]:
        """Those that are not revoked, oldest first; an expired one is shown until somebody revokes it."""
        found = (Token.from_dict(document) for document in self._store.kept(KIND).values())
        return sorted((token for token in found if token), key=lambda token: (token.created, token.id))

    def view(self, token: Token) -> Json:
        """What is shown of a token: neither its secret nor the digest."""
        shown = {**token.to_dict(), "used": self._used(token.id), "expired": token.expires <= time.time()}
        del shown["digest"]
        return shown

    async def create(self, wish: TokenWish, actor: Actor) -> tuple[Token, str]:
        """A new token, and the whole of it, which is known nowhere afterwards.

        Raises ConflictError (the name is taken, too many), NotFoundError (no such site), InvalidError, StoreError.
        """
        identity, secret = new_secret()
        async with self._one_at_a_time:
            token = replace(self.sketch(wish, actor), id=identity, digest=digest(secret))
            deed = Deed("token-create", actor, subject=identity, after=_recorded(token))
            await self._store.keep(KIND, identity, token.to_dict(), deed)
        log.info("token %s (%s) created: scope %s, by %s", token.name, identity, token.scope, actor.name)
        return token, secret

    def sketch(self, wish: TokenWish, actor: Actor) -> Token:
        """The token as it would be. Raises what `create` raises before it writes."""
        self._check(wish)
        name, scope, expires, sites, pools = wish
        return Token("", name, scope, time.time(), expires, "", sites, pools, actor.name)

    async def revoke(self, wanted: str, actor: Actor, reason: str = "") -> Token:
        """End a token, by its id or its name. Raises NotFoundError, ConflictError (two have the name), StoreError."""
        token = self.find(wanted)
        deed = Deed("token-revoke", actor, reason, subject=token.id, before=_recorded(token))
        await self._store.keep(KIND, token.id, None, deed)
        log.info("token %s (%s) revoked by %s", token.name, token.id, actor.name)
        return token

    def find(self, wanted: str) -> Token:
        """A token by its id or its name. Raises NotFoundError, ConflictError (two have the name)."""
        found = [token for token in self.known() if wanted in (token.id, token.name)]
        if not found:
            hint = "the node's own is the file `token` in its state folder" if wanted == NODE_TOKEN else ""
            raise NotFoundError(f"there is no token {wanted!r}", hint=hint or "`gslb token list` lists them")
        if len(found) > 1:
            ids = ", ".join(token.id for token in found)
            raise ConflictError(f"{len(found)} tokens have the name {wanted!r}", hint=f"say which by its id: {ids}")
        return found[0]

    async def keep_uses(self) -> None:
        """Tell the other nodes when tokens are used here, until cancelled."""
        while True:
            await asyncio.sleep(TELL_USES_EVERY)
            try:
                await self.tell_uses()
            except GslbError as error:
                log.debug("when tokens were used is not told: %s", error.message)

    async def tell_uses(self) -> None:
        """Write each token's first use in a day, and forget those of tokens that are no more. Raises StoreError."""
        told, tokens = self._store.kept(USES), self._store.kept(KIND)
        for identity, use in list(self._access.used.items()):
            token = Token.from_dict(tokens.get(identity, {}))
            if token is None:
                del self._access.used[identity]
            elif use.at - _at(told.get(identity)) >= A_DAY:
                deed = Deed("token-use", Actor(token.name, use.source), subject=identity)
                await self._store.keep(USES, identity, use._asdict(), deed)
        for identity in told.keys() - tokens.keys():
            with suppress(NotFoundError):  # another node was quicker
                await self._store.keep(USES, identity, None, Deed("token-forget", Actor(NODE_TOKEN), subject=identity))

    def _used(self, identity: str) -> float | None:
        here = self._access.used.get(identity)
        return max(here.at if here else 0.0, _at(self._store.kept(USES).get(identity))) or None

    def _check(self, wish: TokenWish) -> None:
        if (wish.sites or wish.pools) and wish.scope != "drain":
            where = "/sites" if wish.sites else "/pools"
            raise InvalidError("only a token of the scope drain can be limited to sites or pools", pointer=where)
        for target in (*(Target("site", name) for name in wish.sites), *(Target("pool", name) for name in wish.pools)):
            require_known(target, self._config())
        known = self.known()
        if any(token.name == wish.name for token in known):
            raise ConflictError(
                f"there is a token {wish.name!r} already",
                pointer="/name",
                hint=f"choose another name, or first: gslb token revoke {wish.name}",
            )
        if len(known) >= MOST:
            raise ConflictError(f"there are {len(known)} tokens, and at most {MOST}", hint="revoke what is expired")


def _recorded(token: Token) -> Json:
    """A token as the audit record has it."""
    return {key: value for key, value in token.to_dict().items() if key not in ("digest", "created", "id")}


def _at(document: Mapping[str, Any] | None) -> float:
    at = document.get("at") if document else None
    return float(at) if isinstance(at, int | float) else 0.0
