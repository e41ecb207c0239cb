"""The beginning of a PostgreSQL connection, without a login: a server that answers it lives.

PostgreSQL documentation, chapter "Frontend/Backend Protocol": sections "Start-up", "SSL Session Encryption" and
"Message Formats".
"""

import asyncio
import ssl
import struct
from typing import Final, NamedTuple

from gslb.probe.exchange import Progress
from gslb.probe.result import ProbeError
from gslb.probe.trace import peer_text, tracing
from gslb.probe.trust import days_left, note_tls

SSL_REQUEST: Final = struct.pack("!II", 8, 80877103)
PROTOCOL: Final = 3 << 16  # version 3.0, which every server since 2003 speaks
MAX_MESSAGE: Final = 8192  # octets of the first message: an error's text, or the names of ways to log in
# SQLSTATE: no such database, and the class of logins that are refused. Whoever checks these is serving.
_NO_DATABASE: Final = "3D000"
_REFUSED_LOGINS: Final = "28"
_HEADER: Final = struct.Struct("!cI")  # type, and length without the type
_AUTHENTICATION: Final = b"R"
_ERROR: Final = b"E"
_MIN_AUTHENTICATION: Final = 4  # octets: which way to log in


class Opening(NamedTuple):
    """What a connection begins with; without a `context` it is not encrypted. `name`: of the server, in TLS."""

    port: int
    user: str
    database: str
    context: ssl.SSLContext | None = None
    name: str | None = None  # the address where absent


def startup(user: str, database: str) -> bytes:
    """The startup packet."""
    pairs = ("user", user, "database", database, "application_name", "gslb")
    body = struct.pack("!I", PROTOCOL) + b"".join(text.encode() + b"\0" for text in pairs) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


async def greet(opening: Opening, address: str, progress: Progress) -> None:
    """Begin a connection to an address (canonical text) and end it after the first answer.

    A demand for a password is a success, and so is the refusal of this user or database; other errors are not. Raises
    ProbeError, and OSError where the connection fails.
    """
    reader, writer = await asyncio.open_connection(address, opening.port)
    if trace := tracing():
        trace.note("connected", peer_text(writer.get_extra_info("peername")))
    try:
        if opening.context:
            progress.stage = "connected, waiting for TLS"
            await _encrypt(reader, writer, opening.context, opening.name or address)
            _note_session(writer, progress)
        progress.stage = "connected, waiting for the answer to the startup packet"
        writer.write(startup(opening.user, opening.database))
        await _judge(reader)
    except asyncio.IncompleteReadError as error:
        raise ProbeError("protocol", f"closed after {len(error.partial)} octets of an answer") from error
    finally:
        writer.transport.abort()  # a polite close would leave the descriptor to the target's mercy


async def _encrypt(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, name: str
) -> None:
    writer.write(SSL_REQUEST)
    answer = await reader.read(2)
    if not answer:
        raise asyncio.IncompleteReadError(answer, 1)
    if answer == b"N":
        raise ProbeError("tls", "the server does not offer TLS")
    if answer != b"S":  # more beside it would be taken for what came encrypted
        raise ProbeError("protocol", "the answer is of another protocol")
    await writer.start_tls(context, server_hostname=name)


def _note_session(writer: asyncio.StreamWriter, progress: Progress) -> None:
    if certificate := writer.get_extra_info("peercert"):  # empty where it was not checked
        progress.tls_days = days_left(certificate)
    if trace := tracing():
        note_tls(trace, writer.get_extra_info("ssl_object"))


async def _judge(reader: asyncio.StreamReader) -> None:
    kind, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    length -= 4  # it counts itself
    if kind not in (_AUTHENTICATION, _ERROR) or not _MIN_AUTHENTICATION <= length <= MAX_MESSAGE:
        raise ProbeError("protocol", "the answer is of another protocol")
    body = await reader.readexactly(length)
    if kind == _AUTHENTICATION:
        _tell("asks for a login")
        return
    fields = error_fields(body)
    if "C" not in fields:
        raise ProbeError("protocol", "the answer is of another protocol")
    message = fields.get("M", "").partition("\n")[0]
    _tell(f"{fields['C']} {message}")
    if fields["C"] != _NO_DATABASE and not fields["C"].startswith(_REFUSED_LOGINS):
        raise ProbeError("protocol", message or fields["C"])


def error_fields(body: bytes) -> dict[str, str]:
    """The fields of an error by their letters: C is the SQLSTATE, M the message."""
    return {part[:1].decode("latin-1"): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


def _tell(text: str) -> None:
    if trace := tracing():
        trace.note("answer", text)
