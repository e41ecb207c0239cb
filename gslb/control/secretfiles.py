"""Files of secrets: written beside and renamed, for nobody but their owner."""

import hashlib
import os
import secrets
from pathlib import Path

from gslb.errors import StateError

_MOST = 1 << 20  # bytes of a file that are looked at


def ensure_cookie_secrets(path: str) -> None:
    """Make the file of cookie secrets, mode 0600, where there is none. Raises StateError."""
    file = Path(path)
    try:
        if not file.exists():
            write_secret(file, secrets.token_hex(16))
    except OSError as error:
        raise StateError(f"{path}: the cookie secrets cannot be made: {error}", hint="see cookies.secrets") from error


def replace_secrets(path: str, secrets_text: bytes) -> None:
    """Sign cookies with others from the next reload on. Raises StateError; the file is then as it was."""
    try:
        write_secret(Path(path), secrets_text.decode("ascii").rstrip("\n"))
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: the cookie secrets cannot be replaced: {error}") from error


def mark_of(path: str) -> tuple[int, bytes] | None:
    """Equal as long as a file is as it was; None where there is none that can be read.

    It is what the file holds, not when it was written: two writes within one tick of the kernel bear the same time.
    """
    try:
        with Path(path).open("rb") as file:
            return os.fstat(file.fileno()).st_mode, hashlib.sha256(file.read(_MOST)).digest()
    except OSError:
        return None


def write_secret(file: Path, secret: str) -> None:
    """Put a secret into a file, mode 0600. Raises OSError; the file is then as it was."""
    # Written beside and renamed: a crash half way leaves no empty token behind.
    partial = file.with_name(file.name + ".new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(secret + "\n")
        out.flush()
        os.fsync(out.fileno())
    partial.rename(file)
