"""Stages that onlookers see, told by real checks; nothing is noted for nobody."""

import asyncio

from gslb.probe import http, tcp
from gslb.probe.http import HttpMonitor
from gslb.probe.result import Result
from gslb.probe.tcp import TcpMonitor
from gslb.probe.trace import MAX_BODY, Stage, Trace, peer_text, traced, tracing


def answering(reply: bytes):
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()

    return handler


def reply(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nX-One: 1\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def texts(stages: tuple[Stage, ...]) -> dict[str, str]:
    assert [stage.seconds for stage in stages] == sorted(stage.seconds for stage in stages)
    return {stage.name: stage.text for stage in stages}


async def test_stages_of_a_plain_request(serve) -> None:
    port = await serve(answering(reply(b"fine\n\x1b[31m\xff")))
    result, stages = await traced(http.check, HttpMonitor("web", port), "127.0.0.1")
    assert result.ok
    assert texts(stages) == {
        "connected": f"127.0.0.1 port {port}",
        "answer": "HTTP/1.1 200 OK, 2 headers",
        "body": r"fine\n\x1b[31m\xff",
    }
    assert 0 < stages[0].seconds <= stages[-1].seconds <= result.latency + 0.05


async def test_stages_of_tls(serve, authority) -> None:
    port = await serve(answering(reply(b"fine")), authority.server("www.example.com", days=12))
    monitor = HttpMonitor("web", port, scheme="https", sni="www.example.com", ca=str(authority.ca))
    result, stages = await traced(http.check, monitor, "127.0.0.1")
    assert result.ok
    assert [stage.name for stage in stages] == ["connected", "tls", "certificate", "answer", "body"]
    told = texts(stages)
    assert told["connected"] == f"127.0.0.1 port {port}"
    assert told["tls"].startswith("TLSv1.")
    assert told["certificate"].endswith(" days left, for www.example.com")
    assert 11 < float(told["certificate"].split()[0]) <= 12


async def test_a_handshake_that_fails_was_connected(serve, authority) -> None:
    port = await serve(answering(reply(b"fine")), authority.server("www.example.com"))
    monitor = HttpMonitor("web", port, scheme="https", sni="other.example.com", ca=str(authority.ca))
    result, stages = await traced(http.check, monitor, "127.0.0.1")
    assert (result.ok, result.reason) == (False, "tls")
    assert [stage.name for stage in stages] == ["connected"]


async def test_a_certificate_that_nobody_checks(serve, authority) -> None:
    port = await serve(answering(reply(b"fine")), authority.server("www.example.com"))
    _, stages = await traced(http.check, HttpMonitor("web", port, scheme="https", verify=False), "127.0.0.1")
    assert texts(stages)["certificate"] == "not checked"


async def test_the_body_of_a_wrong_status_is_shown(serve) -> None:
    port = await serve(answering(reply(b"no database", "500 Oops")))
    result, stages = await traced(http.check, HttpMonitor("web", port), "127.0.0.1")
    assert (result.reason, result.detail) == ("status", "500, expected 200")
    assert texts(stages)["answer"] == "HTTP/1.1 500 Oops, 2 headers"
    assert texts(stages)["body"] == "no database"


async def test_a_body_that_never_comes_does_not_change_the_verdict(serve) -> None:
    async def head_alone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\n")
        await reader.read()

    result, stages = await traced(http.check, HttpMonitor("web", await serve(head_alone)), "127.0.0.1")
    assert (result.reason, result.detail) == ("status", "500, expected 200")
    assert "body" not in texts(stages)


async def test_stages_of_tcp(serve) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(b"220 mail\r\n" + b"x" * 500)
        await reader.read(1)

    port = await serve(greet)
    _, stages = await traced(tcp.check, TcpMonitor("t", port, send=b"EHLO", expect=b"x" * 400), "127.0.0.1")
    told = texts(stages)
    assert [*told] == ["connected", "sent", "answer", "body"]
    assert (told["connected"], told["sent"]) == (f"127.0.0.1 port {port}", "4 octets")
    assert told["body"] == r"220 mail\r\n" + "x" * (MAX_BODY - 10)


async def test_what_came_is_shown_when_it_is_not_what_was_expected(serve) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"500 busy")

    result, stages = await traced(tcp.check, TcpMonitor("t", await serve(other), expect=b"220"), "127.0.0.1")
    assert result.reason == "body"
    assert texts(stages)["body"] == "500 busy"


async def test_a_probe_that_nobody_looks_at_has_no_trace() -> None:
    seen = []

    async def check(monitor: TcpMonitor, address: str) -> Result:
        seen.append(tracing())
        return Result(True, 0.0)

    await check(TcpMonitor("t", 1), "127.0.0.1")
    await traced(check, TcpMonitor("t", 1), "127.0.0.1")
    await check(TcpMonitor("t", 1), "127.0.0.1")
    assert [type(trace) for trace in seen] == [type(None), Trace, type(None)]


def test_a_stage_that_is_told_again_keeps_its_time() -> None:
    trace = Trace()
    trace.note("connected")
    before = trace.stages[0].seconds
    trace.note("tls", "x" * 10_000)
    trace.note("connected", "there\r\n\x1b")
    assert trace.stages[0] == Stage("connected", before, "there???")
    assert len(trace.stages[1].text) == 4 * MAX_BODY


def test_peers_as_text() -> None:
    assert peer_text(("::1", 80, 0, 0)) == "::1 port 80"
    assert peer_text(None) == ""
