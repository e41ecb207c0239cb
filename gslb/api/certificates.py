"""The TLS of the API: 1.2 or newer, with a certificate of the node, and of the client where that is wanted."""

import os
import ssl
from pathlib import Path

from gslb.config.settings import ApiTls
from gslb.control.secretfiles import mark_of
from gslb.errors import StateError

_OTHERS = 0o007

Marks = tuple[object, ...]


def server_context(tls: ApiTls) -> ssl.SSLContext:
    """What connections are answered with. Raises StateError that names the file that cannot be used."""
    for path in filter(None, (tls.cert, tls.key, tls.client_ca)):
        mode = _mode(path)
        if path == tls.key and mode & _OTHERS:
            raise StateError(f"{tls.key}: everyone on this machine may read the key", hint=f"chmod 600 {tls.key}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(tls.cert, tls.key, password=lambda: b"")  # else it would be asked for at a terminal
    except (OSError, ValueError) as error:  # what OpenSSL finds is an OSError; so is a file that went meanwhile
        hint = "both must be PEM, the key without a passphrase, and of the certificate that stands first in its file"
        raise StateError(f"{tls.cert} with {tls.key}: not a certificate and its key: {error}", hint=hint) from error
    if tls.client_ca:
        try:
            context.load_verify_locations(tls.client_ca)
        except OSError as error:
            raise StateError(f"{tls.client_ca}: holds no certificate in PEM: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def marks(tls: ApiTls | None) -> Marks:
    """Equal as long as the settings and the files that they name are: where not, the context is to be made anew."""
    return (tls, *(mark_of(path) for path in (tls.cert, tls.key, tls.client_ca) if path)) if tls else ()


def _mode(path: str) -> int:
    """Who may read it; that we may is tried."""
    try:
        with Path(path).open("rb") as file:
            return os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
