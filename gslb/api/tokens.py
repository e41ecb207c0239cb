"""API tokens: who they are for, what they allow, and until when.

A token is `gslb_ID_SECRET`. The ID finds it; of the whole, only a digest is kept, in the store that all nodes share. A
fast hash is enough: it is for secrets that people choose that slow ones were made, and nobody tries out 2**256.

A node makes itself one more token at its first start, in its state folder: whoever can read that may operate the node.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal

from gslb.config.values import shown
from gslb.control.secretfiles import write_secret
from gslb.errors import StateError

PREFIX: Final = "gslb"
NODE_TOKEN: Final = "node token"  # noqa: S105 - the name of the one in the state folder
LONGEST: Final = 256  # characters of a token that is looked at
SHORTEST: Final = 16  # characters of a node's own token, where somebody has written it
Scope = Literal["read", "push", "drain", "admin"]
INCLUDED: Final[Mapping[str, tuple[Scope, ...]]] = {
    "read": ("read",),
    "push": ("push",),
    "drain": ("read", "drain"),
    "admin": ("read", "push", "drain", "admin"),
}
LIFETIME: Final = r"([1-9][0-9]{0,4})([hd])"
NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_UNITS: Final = {"h": 3600, "d": 86_400}
_TEN_YEARS: Final = 3650 * 86_400
_OTHERS: Final = 0o007


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. Times are epoch seconds.

    `sites` and `pools` are what it may drain, hold and force; where both are empty, everything.
    """

    id: str
    name: str
    scope: Scope
    created: float
    expires: float
    digest: str  # hexadecimal
    sites: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    by: str = ""  # the name of the token that it was made with

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the store, which has the digest; it is shown nowhere."""
        return {**asdict(self), "sites": list(self.sites), "pools": list(self.pools)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Token | None":
        """The inverse of `to_dict`, or None: a store may hold what is damaged, or what a newer version limits more."""
        try:
            token = cls(**{**values, **{key: tuple(values.get(key, ())) for key in ("sites", "pools")}})
            good = token.scope in INCLUDED and token.created < token.expires and len(bytes.fromhex(token.digest)) == 32
        except (TypeError, ValueError):
            return None
        texts = (token.id, token.name, token.by, *token.sites, *token.pools)
        return token if good and all(isinstance(text, str) for text in texts) else None


def lifetime(text: object) -> float:
    """Seconds of a lifetime such as 12h or 90d: at most ten years. Raises ValueError."""
    match = re.fullmatch(LIFETIME, text) if isinstance(text, str) else None
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if match is None or seconds > _TEN_YEARS:
        raise ValueError(f"must be a lifetime such as 12h or 90d, at most 3650d (got {shown(text)})")
    return float(seconds)


def new_secret(identity: str = "") -> tuple[str, str]:
    """A new token, (its id, the whole of it): 256 random bits in a form that searches for leaked secrets recognise."""
    identity = identity or secrets.token_hex(4)
    return identity, f"{PREFIX}_{identity}_{secrets.token_hex(32)}"


def id_of(token: str) -> str:
    """The part that finds a token; empty where it has none."""
    parts = token.split("_")
    return parts[1] if len(parts) == 3 and parts[0] == PREFIX else ""


def digest(token: str) -> str:
    """What is kept of a token."""
    return blake2b(token.encode(errors="surrogateescape"), digest_size=32, person=b"gslb token").hexdigest()


def ensure_token(path: str) -> str:
    """The node's own token; the first start makes it, mode 0600. Raises StateError: unreadable, short, open to all."""
    file = Path(path)
    try:
        if not file.exists():
            write_secret(file, new_secret("node")[1])
        token = file.read_text(encoding="ascii").strip()
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: the API token cannot be read or made: {error}") from error
    if not token:
        raise StateError(f"{path}: the API token is empty", hint="remove the file, and a new token is made")
    if len(token) < SHORTEST or len(token) > LONGEST:
        raise StateError(
            f"{path}: the API token has {len(token)} characters, and needs {SHORTEST} to {LONGEST}",
            hint="remove the file, and a new token is made",
        )
    if mode & _OTHERS:
        raise StateError(f"{path}: everyone on this machine may read the API token", hint=f"chmod 600 {path}")
    return token
