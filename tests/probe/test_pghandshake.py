"""The beginning of a PostgreSQL connection, against a real server and against strangers."""

import asyncio
import ssl
import struct
from collections.abc import Iterator

import pytest

from gslb.probe.exchange import conclude
from gslb.probe.pghandshake import MAX_MESSAGE, SSL_REQUEST, Opening, error_fields, greet, startup
from gslb.probe.result import Result
from gslb.probe.trust import tls_context
from tests.postgres_kit import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    try:
        yield made.create().start()
    finally:
        made.close()


async def ask(opening: Opening, timeout: float = 2.0) -> Result:
    return await conclude(lambda progress: greet(opening, "127.0.0.1", progress), timeout)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def error(state: str, text: str) -> bytes:
    return message(b"E", f"SFATAL\0C{state}\0M{text}\0\0".encode())


def test_startup_packet() -> None:
    packet = startup("gslb", "app")
    assert packet == struct.pack("!II", len(packet), 196608) + (
        b"user\0gslb\0database\0app\0application_name\0gslb\0\0"
    )


async def test_a_server_that_asks_for_a_password_lives(cluster: Cluster) -> None:
    assert (await ask(Opening(cluster.port, "gslb", "postgres"))).ok


async def test_a_server_that_refuses_a_stranger_lives(cluster: Cluster) -> None:
    cluster.sql("ALTER SYSTEM SET max_connections = 100")
    assert (await ask(Opening(cluster.port, "stranger", "gone"))).ok


async def test_a_server_without_tls(cluster: Cluster) -> None:
    opening = Opening(cluster.port, "gslb", "postgres", tls_context(None, verify=False))
    assert str(await ask(opening)) == "tls: the server does not offer TLS"


async def test_a_server_that_takes_no_connections_yet_is_down() -> None:
    """A copy without the signal to follow its primary's log never comes to an end of its recovery."""
    source = Cluster().create().start()
    copy = Cluster()
    try:
        copy.follow(source).begin(hot_standby="off")
        opening = Opening(copy.port, "gslb", "postgres")
        told = ""
        for _ in range(200):
            told = str(await ask(opening))
            if not told.startswith("refused"):
                break
            await asyncio.sleep(0.02)
        assert told in (
            "protocol: the database system is starting up",
            "protocol: the database system is not accepting connections",
        )
    finally:
        copy.close()
        source.close()


def answering(octets: bytes, heard: list[bytes]):
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.write(octets)
        await writer.drain()

    return handler


FOREIGN = "protocol: the answer is of another protocol"


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (message(b"R", b"\0\0\0\0"), ""),
        (message(b"R", b"\0\0\0\x0aSCRAM-SHA-256\0\0"), ""),
        (error("28000", "no pg_hba.conf entry"), ""),
        (error("28P01", "password authentication failed"), ""),
        (error("3D000", "database does not exist"), ""),
        (error("53300", "sorry, too many clients already"), "protocol: sorry, too many clients already"),
        (error("0A000", "unsupported frontend protocol"), "protocol: unsupported frontend protocol"),
        (error("XX000", "28000"), "protocol: 28000"),
        (error("57P03", "the database system is starting up"), "protocol: the database system is starting up"),
        (error("57P01", "terminating\nmore"), "protocol: terminating"),
        (error("57P02", ""), "protocol: 57P02"),
        (message(b"E", b"SFATAL\0MNo state\0\0"), FOREIGN),
        (message(b"R", b"\0\0\0"), FOREIGN),
        (message(b"R", bytes(MAX_MESSAGE + 1)), FOREIGN),
        (message(b"Z", b"Idle"), FOREIGN),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", FOREIGN),
        (b"R\0\0\0\x08\0\0", "protocol: closed after 2 octets of an answer"),
        (b"", "protocol: closed after 0 octets of an answer"),
    ],
)
async def test_answers(serve, octets: bytes, told: str) -> None:
    heard: list[bytes] = []
    result = await ask(Opening(await serve(answering(octets, heard)), "gslb", "app"))
    assert (str(result), result.ok) == (told, not told)
    assert heard == [startup("gslb", "app")]


@pytest.mark.parametrize("octets", [b"E", b"HTTP/1.1 400\r\n", b"S" + message(b"R", b"\0\0\0\0"), b"NN"])
async def test_strangers_asked_for_tls(serve, octets: bytes) -> None:
    heard: list[bytes] = []
    context = tls_context(None, verify=False)
    result = await ask(Opening(await serve(answering(octets, heard)), "gslb", "app", context))
    assert str(result) == FOREIGN
    assert heard == [SSL_REQUEST]


def upgrading(tls: ssl.SSLContext, plain: bytes = b""):
    """A server that takes TLS when asked, and lets everyone in. `plain`: octets beside its agreement."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == SSL_REQUEST
        writer.write(b"S" + plain)
        await writer.start_tls(tls)
        await reader.read(1000)
        writer.write(message(b"R", b"\0\0\0\0"))
        await writer.drain()

    return handler


async def test_what_comes_in_clear_is_not_taken_for_what_comes_encrypted(serve, authority) -> None:
    """CVE-2021-23222: the server would be up by its encrypted answer, and by the one in clear."""
    port = await serve(upgrading(authority.server("127.0.0.1"), message(b"R", b"\0\0\0\0")))
    context = tls_context(str(authority.ca), verify=True)
    assert str(await ask(Opening(port, "gslb", "app", context))) == FOREIGN


async def test_the_name_is_apart_from_the_address(serve, authority) -> None:
    tls = authority.server("db.example.com")
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    context = tls_context(str(authority.ca), verify=True)
    result = await ask(Opening(await serve(upgrading(tls)), "gslb", "app", context, "db.example.com"))
    assert str(result) == ""
    assert names == ["db.example.com"]
    assert result.tls_days == pytest.approx(30, abs=0.1)


async def test_the_address_is_the_name_where_there_is_no_other(serve, authority) -> None:
    context = tls_context(str(authority.ca), verify=True)
    port = await serve(upgrading(authority.server("127.0.0.1")))
    assert (await ask(Opening(port, "gslb", "app", context))).ok
    port = await serve(upgrading(authority.server("db.example.com")))
    other = await ask(Opening(port, "gslb", "app", context))
    assert other.reason == "tls"
    assert "IP address mismatch" in other.detail


async def test_certificates_that_are_not_believed(serve, authority) -> None:
    name = "db.example.com"
    good = tls_context(str(authority.ca), verify=True)
    port = await serve(upgrading(authority.server(name, days=-1)))
    assert str(await ask(Opening(port, "gslb", "app", good, name))) == "tls: certificate has expired"
    port = await serve(upgrading(authority.server(name, self_signed=True)))
    assert (await ask(Opening(port, "gslb", "app", good, name))).reason == "tls"
    assert (await ask(Opening(port, "gslb", "app", tls_context(None, verify=False), name))).ok


@pytest.mark.parametrize("tls", [False, True])
async def test_a_tarpit(serve, tls: bool) -> None:
    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    context = tls_context(None, verify=False) if tls else None
    result = await ask(Opening(await serve(tarpit), "gslb", "app", context), 0.2)
    assert result.reason == "timeout"
    assert ("TLS" in result.detail) == tls
    assert result.latency < 0.6


def test_fields_of_an_error() -> None:
    assert error_fields(b"SFATAL\0C57P03\0M\xff\0\0") == {"S": "FATAL", "C": "57P03", "M": "\ufffd"}
    assert error_fields(b"") == {}
