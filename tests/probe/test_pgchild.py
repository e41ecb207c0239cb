"""What a login's process says of failures, whom it trusts, and how much memory a server may make it take."""

import asyncio
import errno
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from gslb.probe import pgchild
from gslb.probe.exchange import Progress, conclude
from gslb.probe.pgchild import MAX_TEXT, context, failure
from gslb.probe.pglogin import Logins, Request


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncpg.PostgresError("no\nsuch"), {"failed": "protocol", "text": "no"}),
        (ValueError("x" * 999), {"failed": "protocol", "text": f"not a PostgreSQL answer: {'x' * MAX_TEXT}"}),
        (MemoryError(), {"failed": "protocol", "text": "not a PostgreSQL answer: MemoryError"}),
        (ConnectionError("rejected SSL upgrade"), {"failed": "tls", "text": "the server does not offer TLS"}),
        (
            ConnectionError("lost"),
            {"failed": "protocol", "text": "closed, or refused with an error, before TLS stood"},
        ),
        (ConnectionResetError("lost"), {"failed": "os", "errno": errno.ECONNRESET, "text": "lost"}),
        (
            OSError(errno.EMFILE, "Too many open files"),
            {"failed": "os", "errno": errno.EMFILE, "text": "Too many open files"},
        ),
        (ssl.SSLError(1, "what"), {"failed": "tls", "text": "handshake failed"}),
    ],
)
def test_failures(error: Exception, told: dict[str, object]) -> None:
    assert failure(error) == told


def test_whom_it_trusts(authority) -> None:
    assert context("off", "db.example.com", None) is False
    required = context("require", "db.example.com", None)
    assert (required.verify_mode, required.check_hostname) == (ssl.CERT_NONE, False)
    verified = context("verify", "db.example.com", str(authority.ca))
    assert (verified.verify_mode, verified.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(verified.get_ca_certs()) == 1
    assert context("verify", "db.example.com", None).verify_mode == ssl.CERT_REQUIRED
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        verified.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="192.0.2.1").do_handshake()
    assert b"db.example.com" in outgoing.read()


def test_it_ends_when_nobody_asks_any_more() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        argv = [sys.executable, "-I", str(Path(pgchild.__file__))]
        program = subprocess.Popen(argv, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env={})
    with program:
        ours.close()
        assert program.wait(5) == 0


async def test_memory_has_a_limit(serve) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.read(1000)
        writer.write(b"R\x7f\xff\xff\xff")
        while True:
            writer.write(bytes(1 << 20))
            await writer.drain()
            sent += 1

    async def log_in(progress: Progress) -> None:
        await login.ask(request, 10.0, progress)

    sent = 0
    logins = Logins()
    try:
        request = Request("127.0.0.1", await serve(flood), "gslb", "", "app", "SELECT true, 1.0::float8")
        async with logins.open() as login:
            result = await conclude(log_in, 10.0)
    finally:
        logins.close()
    assert result.reason == "protocol"
    assert sent < 300
