"""TLS that begins within a connection, as PostgreSQL's does, with certificates of a test authority."""

import asyncio
import ssl
from pathlib import Path

import pytest

from gslb.probe.exchange import conclude
from gslb.probe.pghandshake import SSL_REQUEST, Opening, greet
from gslb.probe.pgtls import postgres_context, watch_session
from gslb.probe.result import ProbeError, Result

LOGIN = b"R\0\0\0\x08\0\0\0\0"


def upgrading(tls: ssl.SSLContext):
    """A server that takes TLS when asked, and lets everyone in."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == SSL_REQUEST
        writer.write(b"S")
        await writer.start_tls(tls)
        await reader.read(1000)
        writer.write(LOGIN)
        await writer.drain()

    return handler


async def outcome(port: int, context: ssl.SSLContext) -> Result:
    opening = Opening(port, "gslb", "app", context)
    return await conclude(lambda progress: greet(opening, "127.0.0.1", progress), 2.0)


async def test_the_name_is_apart_from_the_address(serve, authority) -> None:
    tls = authority.server("db.example.com")
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    port = await serve(upgrading(tls))
    sessions = watch_session()
    result = await outcome(port, postgres_context(str(authority.ca), "db.example.com", verify=True))
    assert str(result) == ""
    assert names == ["db.example.com"]
    assert sessions.current is not None
    assert sessions.current.getpeercert()["subjectAltName"] == (("DNS", "db.example.com"),)


async def test_the_address_is_the_name_where_there_is_no_other(serve, authority) -> None:
    context = postgres_context(str(authority.ca), None, verify=True)
    assert (await outcome(await serve(upgrading(authority.server("127.0.0.1"))), context)).ok
    other = await outcome(await serve(upgrading(authority.server("db.example.com"))), context)
    assert other.reason == "tls"
    assert "IP address mismatch" in other.detail


async def test_certificates_that_are_not_believed(serve, authority) -> None:
    name = "db.example.com"
    good = postgres_context(str(authority.ca), name, verify=True)
    expired = await outcome(await serve(upgrading(authority.server(name, days=-1))), good)
    assert str(expired) == "tls: certificate has expired"
    port = await serve(upgrading(authority.server(name, self_signed=True)))
    assert (await outcome(port, good)).reason == "tls"
    assert (await outcome(port, postgres_context(None, name, verify=True))).reason == "tls"
    assert (await outcome(port, postgres_context(None, name, verify=False))).ok


def test_a_ca_file_is_read_again_when_it_changes(authority, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    for octets in (None, b"nothing"):
        if octets is not None:
            ca.write_bytes(octets)
        with pytest.raises(ProbeError, match="cannot use the ca file: "):
            postgres_context(str(ca), None, verify=True)
    ca.write_bytes(authority.ca.read_bytes())
    context = postgres_context(str(ca), None, verify=True)
    assert context is postgres_context(str(ca), None, verify=True)
    assert context is not postgres_context(str(ca), "db.example.com", verify=True)
