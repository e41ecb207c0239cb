"""TLS towards a node: whom to believe that it is the node, and what to show it.

A node whose files are here is believed by its very certificate, as the node file names it: then neither the name in it
nor its age matters, and the command works at the machine when everything else is wrong.
"""

import http.client
import os
import ssl
from pathlib import Path
from typing import NamedTuple

from gslb.errors import GslbError, RequestError

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


_CLOSED = http.client.RemoteDisconnected | ConnectionResetError


class ClientTls(NamedTuple):
    """Files in PEM: authorities to believe instead of the system's, a certificate to show, and its key if apart.

    `own`: the certificate of a node of which nothing but this is believed.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    own: str | None = None

    @classmethod
    def given(cls, ca: str | None, cert: str | None, key: str | None) -> "ClientTls":
        """Options, or else the environment: GSLB_CA, GSLB_CERT, GSLB_KEY."""
        cert = cert or os.environ.get("GSLB_CERT")
        return cls(ca or os.environ.get("GSLB_CA"), cert, key or os.environ.get("GSLB_KEY"))


NO_TLS_FILES = ClientTls()


def connected(host: str, port: int, tls: ClientTls, timeout: float) -> http.client.HTTPSConnection:
    """A connection on which the node has shown who it is. Raises OSError, RequestError (files), GslbError (another)."""
    own = _first_certificate(tls.own) if tls.own and not tls.ca else None
    connection = http.client.HTTPSConnection(
        host, port, timeout=timeout, context=_context(tls, trusted=own is not None)
    )
    connection.connect()
    if own is None or connection.sock.getpeercert(binary_form=True) == own:
        return connection
    connection.close()
    raise GslbError(
        f"what answers at {host} port {port} shows another certificate than {tls.own}",
        hint="a certificate that was replaced is taken over within a second; if this stays, look who listens there",
    )


def explained(error: Exception, tls: ClientTls) -> str:
    """The next step after a connection by TLS has failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "name the authority that signed the node's certificate: --ca FILE, also GSLB_CA"
    if "WRONG_VERSION_NUMBER" in str(error) or "RECORD_LAYER" in str(error):
        return "there is no TLS at that port: --api http://..."
    if isinstance(error, ssl.SSLError | _CLOSED) and not tls.cert:  # with TLS 1.3, often all that there is to see
        return "does it want a certificate? --cert FILE and --key FILE, also GSLB_CERT and GSLB_KEY"
    return "see the log of the node" if isinstance(error, ssl.SSLError | _CLOSED) else "is `gslb serve` running?"


def _context(tls: ClientTls, *, trusted: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except OSError as error:
        raise RequestError(f"{tls.ca}: cannot be used as --ca: {error.strerror or error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trusted:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert:
        try:
            context.load_cert_chain(tls.cert, tls.key)
        except OSError as error:
            which = " and ".join(filter(None, (tls.cert, tls.key)))
            raise RequestError(f"{which}: cannot be used as --cert and --key: {error.strerror or error}") from None
    return context


def _first_certificate(path: str) -> bytes:
    try:
        text = Path(path).read_text(encoding="ascii")
        begin = text.index(_BEGIN)
        return ssl.PEM_cert_to_DER_cert(text[begin : text.index(_END, begin) + len(_END)])
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: the node's certificate cannot be read: {error}", hint="--ca FILE") from None
