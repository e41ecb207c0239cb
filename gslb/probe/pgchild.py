"""The program that logs in to PostgreSQL servers, one process for each login; gslb.probe.pglogin starts it and asks.

It is run by its path and imports nothing of gslb, so that it has loaded little when it forks. A hostile server can make
the client loop for ever or fill its memory: the kernel ends such a process at its deadline or at its limits, and with
it nothing but its own login.

Standard input is a socket. Each message there brings the socket of one login, on which one JSON object is a message:
the request comes in; out go an empty object when a process is there, then `{"stage": "logged in"}`, and in the end
`{"recovering": ..., "lag": ...}` or `{"failed": ..., "errno": ..., "text": ...}`.
"""

import asyncio
import errno
import json
import os
import resource
import signal
import socket
import ssl
from contextlib import suppress
from typing import Any, Final

import asyncpg

MAX_REQUEST: Final = 1 << 16  # octets
MAX_TEXT: Final = 200  # characters of what a server said
_MAX_DATA: Final = 256 << 20  # octets of memory, several times what a login takes
_MAX_CPU: Final = 1  # seconds; a login takes hundredths
_GOODBYE: Final = 0.2  # seconds in which a server is expected to hang up
_FOREIGN: Final = "not a PostgreSQL answer: "


class _Context(ssl.SSLContext):
    """A context that asks for `name`, where the client knows the address alone."""

    name: str

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """See ssl.SSLContext."""
        return super().wrap_bio(incoming, outgoing, server_side, self.name, session)


def serve(control: socket.socket) -> None:
    """Fork for each socket that arrives; returns when the other end is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    while True:
        octets, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not octets:
            return
        with socket.socket(fileno=descriptors[0]) as channel, suppress(OSError):
            if os.fork() == 0:
                control.close()
                _attend(channel)


def _attend(channel: socket.socket) -> None:
    """One login; the process ends here. A channel that is closed instead of asked on ends it too."""
    try:
        os.dup2(1, 2)  # what the client says of a failure is for nobody; the answer tells
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a password would be in it
        resource.setrlimit(resource.RLIMIT_DATA, (_MAX_DATA, _MAX_DATA))
        resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU, _MAX_CPU))
        _tell(channel)
        if octets := channel.recv(MAX_REQUEST):
            request = json.loads(octets)
            signal.setitimer(signal.ITIMER_REAL, request["within"])  # whose signal nobody handles
            asyncio.new_event_loop().run_until_complete(_answer(request, channel))
    finally:
        os._exit(0)


def _tell(channel: socket.socket, **what: object) -> None:
    channel.send(json.dumps(what).encode())


async def _answer(request: dict[str, Any], channel: socket.socket) -> None:
    try:
        connection = await _connect(request)
        _tell(channel, stage="logged in")
        recovering, lag = await connection.fetchrow(request["query"])
        if not (isinstance(recovering, bool) and isinstance(lag, float | None)):
            raise TypeError("no role")
        _tell(channel, recovering=recovering, lag=lag)
        await connection.close(timeout=_GOODBYE)  # so that the server logs no lost client
    except Exception as error:  # what a stranger sends makes the client raise almost anything
        _tell(channel, **failure(error))


async def _connect(request: dict[str, Any]) -> Any:
    """Every argument is given, for the client would look for those left out in the environment and in home folders."""
    return await asyncpg.connect(
        host=request["address"],
        port=request["port"],
        user=request["user"],
        password=request["password"],
        database=request["database"],
        ssl=context(request["tls"], request["name"], request["ca"]),
        direct_tls=False,
        target_session_attrs="any",
        server_settings={"application_name": "gslb"},
        statement_cache_size=0,
        timeout=None,  # the kernel's deadline is the only one
    )


def context(tls: str, name: str, ca: str | None) -> ssl.SSLContext | bool:
    """What `off`, `require` and `verify` mean to the client; `ca` = file with the trusted authorities."""
    if tls == "off":
        return False
    made = _Context(ssl.PROTOCOL_TLS_CLIENT)
    made.name = name
    if tls != "verify":
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif ca:
        made.load_verify_locations(ca)
    else:
        made.load_default_certs()
    return made


def failure(error: Exception) -> dict[str, object]:
    """The last message of a login that failed: `failed` is a probe's reason, or `os` with its `errno`."""
    text = (str(error).partition("\n")[0] or type(error).__name__)[:MAX_TEXT]
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or "handshake failed"
        return {"failed": "tls", "text": getattr(error, "verify_message", reason.replace("_", " ").lower())}
    if isinstance(error, asyncpg.PostgresError):
        return {"failed": "protocol", "text": text}
    if type(error) is ConnectionError:  # the client's own, where no TLS comes about
        if "rejected" in text:
            return {"failed": "tls", "text": "the server does not offer TLS"}
        return {"failed": "protocol", "text": "closed, or refused with an error, before TLS stood"}
    if isinstance(error, OSError):
        return {"failed": "os", "errno": error.errno or errno.ECONNRESET, "text": error.strerror or text}
    return {"failed": "protocol", "text": f"{_FOREIGN}{text}"}


if __name__ == "__main__":
    with socket.socket(fileno=0) as inherited:
        serve(inherited)
