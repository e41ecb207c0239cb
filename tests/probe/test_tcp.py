"""TCP checks against real listeners."""

import asyncio
import socket
import struct
from contextlib import suppress

import pytest

from gslb.probe.result import Result
from gslb.probe.tcp import MAX_ANSWER, TcpMonitor, check


async def ask(port: int, send: bytes = b"", expect: bytes = b"", seconds: float = 2.0) -> Result:
    return await check(TcpMonitor("t", port, timeout=seconds, send=send, expect=expect), "127.0.0.1")


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail ready\r\n")
    await reader.read(1)


async def test_a_connection_is_enough(serve) -> None:
    result = await ask(await serve(greet))
    assert (result.ok, result.reason, result.tls_days) == (True, "", None)


async def test_expect_is_a_substring_even_in_pieces(serve) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in b"220 mail ready":
            writer.write(bytes((octet,)))
            await asyncio.sleep(0.002)
        await reader.read(1)

    assert (await ask(await serve(slow), expect=b"mail re")).ok


@pytest.mark.parametrize(
    ("greeting", "told"), [(b"220 mx.example.com ESMTP", ""), (b"554 no service", "body"), (b"", "body")]
)
async def test_a_mail_server_greets_first(serve, greeting: bytes, told: str) -> None:
    """One that minds its manners: it greets when it is ready, and takes notice of clients that speak before."""
    early: list[bytes] = []

    async def mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                early.append(await reader.read(100))
        if greeting:
            writer.write(greeting + b"\r\n")
            await writer.drain()
        if not told:
            early.append(await reader.read(100))

    result = await ask(await serve(mail), expect=b"220 ")
    assert (result.ok, result.reason) == (not told, told)
    assert b"".join(early) == b""


@pytest.mark.parametrize(
    ("begins", "answer", "told"),
    [
        ((b"S", b"N"), b"N", ""),
        ((b"ZBXD",), b"ZBXD\x01", ""),
        ((b"ZBXD", b"OK"), b"OK", ""),
        ((b"S", b"N"), b"ERROR: NS", "protocol: the answer is of another protocol"),
        ((b"ZBXD",), b"ZBYD", "protocol: the answer is of another protocol"),
        ((b"ZBXD",), b"ZBX", "body: closed after 3 octets without the expected ones"),
    ],
)
async def test_an_answer_with_the_right_beginning(serve, begins: tuple[bytes, ...], answer: bytes, told: str) -> None:
    async def spell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in answer:
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0.002)

    monitor = TcpMonitor("t", await serve(spell), begins=begins)
    assert str(await check(monitor, "127.0.0.1")) == told


async def test_beginning_and_content_must_both_be_right(serve) -> None:
    port = await serve(greet)
    for begins, expect, ok in ((b"220", b"ready", True), (b"220", b"busy", False), (b"250", b"ready", False)):
        monitor = TcpMonitor("t", port, timeout=0.2, begins=(begins,), expect=expect)
        assert (await check(monitor, "127.0.0.1")).ok is ok


async def test_what_is_sent_arrives_whole(serve) -> None:
    sent = b"PING" * 500_000 + b"\n"

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        got = b""
        while not got.endswith(b"\n"):
            got += await reader.read(65536)
        writer.write(b"PONG" if got == sent else b"WHAT")
        await writer.drain()

    port = await serve(echo)
    assert (await ask(port, sent, b"PONG")).ok


async def test_sending_alone_waits_until_it_is_sent(serve) -> None:
    got = bytearray()
    ended = asyncio.Event()

    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1 << 20):
            got.extend(chunk)
        ended.set()

    assert (await ask(await serve(sink), b"x" * 3_000_000)).ok
    await asyncio.wait_for(ended.wait(), 2)
    assert len(got) == 3_000_000


async def test_closed_without_the_expected(serve) -> None:
    async def bye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no")

    result = await ask(await serve(bye), expect=b"yes")
    assert (result.reason, result.detail) == ("body", "closed after 2 octets without the expected ones")


async def test_reads_no_more_than_its_limit(serve) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * MAX_ANSWER + b"yes" * 100_000)
        await writer.drain()

    result = await ask(await serve(flood), expect=b"yes")
    assert (result.reason, result.detail) == ("body", "expected octets not among the first 4096")


async def test_a_tarpit_costs_the_timeout_and_no_more(serve) -> None:
    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    result = await ask(await serve(tarpit), expect=b"x", seconds=0.1)
    assert result.reason == "timeout"
    assert result.detail == "connected, waiting for the expected octets, within 0.1 s"
    assert result.latency < 0.5


async def test_no_connection_is_told_apart_from_no_answer(full_port: int) -> None:
    result = await ask(full_port, expect=b"x", seconds=0.2)
    assert (result.reason, result.detail) == ("timeout", "connecting, within 0.2 s")


async def test_a_peer_that_does_not_read(serve) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    result = await ask(await serve(deaf), send=b"x" * 20_000_000, seconds=0.2)
    assert (result.reason, result.detail) == ("timeout", "connected, sending, within 0.2 s")


async def test_refused() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = await ask(closed.getsockname()[1])
    assert (result.ok, result.reason) == (False, "refused")
    assert "connect" in result.detail


async def test_reset(serve) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    result = await ask(await serve(slam), b"x", b"y")
    assert (result.reason, result.detail) == ("reset", "connection reset")
