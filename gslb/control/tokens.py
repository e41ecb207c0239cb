"""Secrets that a node makes for itself at its first start: the API token, and what DNS cookies are signed with.

Whoever can read the token may operate the node.
"""

import hmac
import os
import secrets
from pathlib import Path

from gslb.errors import StateError, UnauthorizedError

_SCHEME = "Bearer "
_OTHERS = 0o007


def ensure_token(path: str) -> str:
    """The token in the file; the first start makes it, mode 0600. Raises StateError: unreadable, empty, open to all."""
    file = Path(path)
    try:
        if not file.exists():
            _create(file, secrets.token_urlsafe(32))
        token = file.read_text(encoding="ascii").strip()
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: the API token cannot be read or made: {error}") from error
    if not token:
        raise StateError(f"{path}: the API token is empty", hint="remove the file, and a new token is made")
    if mode & _OTHERS:
        raise StateError(f"{path}: everyone on this machine may read the API token", hint=f"chmod 600 {path}")
    return token


def ensure_cookie_secrets(path: str) -> None:
    """Make the file of cookie secrets, mode 0600, where there is none. Raises StateError."""
    file = Path(path)
    try:
        if not file.exists():
            _create(file, secrets.token_hex(16))
    except OSError as error:
        raise StateError(f"{path}: the cookie secrets cannot be made: {error}", hint="see cookies.secrets") from error


def replace_secrets(path: str, secrets_text: bytes) -> None:
    """Sign cookies with others from the next reload on. Raises StateError; the file is then as it was."""
    try:
        _create(Path(path), secrets_text.decode("ascii").rstrip("\n"))
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: the cookie secrets cannot be replaced: {error}") from error


def _create(file: Path, secret: str) -> None:
    # Written beside and renamed: a crash half way leaves no empty token behind.
    partial = file.with_name(file.name + ".new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(secret + "\n")
        out.flush()
        os.fsync(out.fileno())
    partial.rename(file)


def require_token(header: str, token: str) -> None:
    """Check an Authorization header in constant time. Raises UnauthorizedError (RFC 6750)."""
    given = header.removeprefix(_SCHEME) if header.startswith(_SCHEME) else ""
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise UnauthorizedError(
            "a valid token is needed" if header else "a token is needed",
            hint="Authorization: Bearer TOKEN, with the contents of the file `token` in the state folder",
        )
