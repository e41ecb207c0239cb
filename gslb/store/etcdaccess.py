"""Where etcd is, and by what it knows us and we know it."""

import ssl
from typing import NamedTuple

from gslb.errors import StoreError


class Access(NamedTuple):
    """Where etcd is and how to be let in. `patience` (seconds) is for one attempt, `total` for a call with them all."""

    endpoints: tuple[str, ...]  # "http://127.0.0.1:2379"
    tls: ssl.SSLContext | None = None  # None = the system's authorities, where an endpoint is https
    login: tuple[str, str] | None = None  # user and password
    patience: float = 1.0
    total: float = 2.5


def client_tls(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Verify servers by the authorities in the file `ca` (None = the system's), and show a client certificate.

    Raises StoreError where a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise StoreError(f"cannot use the ca file {ca}: {error.strerror or error}") from error
    if certificate:
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            text = f"cannot use the client certificate {certificate} with the key {key or certificate}"
            raise StoreError(f"{text}: {error.strerror or error}", hint="both must be PEM and fit together") from error
    return context
