"""The API token, which a node makes for itself at its first start.

Whoever can read the token may operate the node.
"""

import hmac
import secrets
from pathlib import Path

from gslb.control.secretfiles import write_secret
from gslb.errors import StateError, UnauthorizedError

_SCHEME = "Bearer "
_OTHERS = 0o007


def ensure_token(path: str) -> str:
    """The token in the file; the first start makes it, mode 0600. Raises StateError: unreadable, empty, open to all."""
    file = Path(path)
    try:
        if not file.exists():
            write_secret(file, secrets.token_urlsafe(32))
        token = file.read_text(encoding="ascii").strip()
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: the API token cannot be read or made: {error}") from error
    if not token:
        raise StateError(f"{path}: the API token is empty", hint="remove the file, and a new token is made")
    if mode & _OTHERS:
        raise StateError(f"{path}: everyone on this machine may read the API token", hint=f"chmod 600 {path}")
    return token


def require_token(header: str, token: str) -> None:
    """Check an Authorization header in constant time. Raises UnauthorizedError (RFC 6750)."""
    given = header.removeprefix(_SCHEME) if header.startswith(_SCHEME) else ""
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise UnauthorizedError(
            "a valid token is needed" if header else "a token is needed",
            hint="Authorization: Bearer TOKEN, with the contents of the file `token` in the state folder",
        )
