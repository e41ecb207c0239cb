"""HTTP checks against real servers that answer well, badly, slowly, or not at all."""

import asyncio
import gzip
import socket
import ssl
import struct
import time
from pathlib import Path

import pytest

from gslb import __version__
from gslb.probe.http import HttpMonitor, check, server_name
from gslb.probe.result import Result
from tests.config.conftest import Folder

POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfine\n"


def answering(reply: bytes, heard: list[bytes] | None = None):
    """A handler that reads the head of a request, and its body if it has one, and sends `reply`."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                head += await reader.readexactly(int(line.partition(b":")[2]))
        if heard is not None:
            heard.append(head)
        writer.write(reply)
        await writer.drain()

    return handler


async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def ask(port: int, address: str = "127.0.0.1", **options) -> Result:
    return await check(HttpMonitor("web", port, **options), address)


async def outcome(serve, reply: bytes, **options) -> tuple[str, str]:
    """Reason and detail of a check against a server that sends `reply` and closes."""
    result = await ask(await serve(answering(reply)), **options)
    assert result.ok == (not result.reason)
    assert len(result.detail) <= 80
    assert result.detail.isprintable()
    return result.reason, result.detail


PASSED = ("", "")


async def test_the_request_is_what_the_monitor_says(serve) -> None:
    heard: list[bytes] = []
    port = await serve(answering(PAGE, heard))
    result = await ask(
        port,
        method="POST",
        path="/api_jsonrpc.php?a=%2F&b=c%20d",
        headers=(("content-type", "application/json-rpc"), ("X-Two", "1"), ("X-Two", "2"), ("user-agent", "me")),
        body='{"é":1}',
        host="www.example.com",
    )
    assert result.ok
    assert result.tls_days is None
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /api_jsonrpc.php?a=%2F&b=c%20d HTTP/1.1"
    assert sorted(lines[1:], key=bytes.lower) == [
        b"Accept-Encoding: identity",
        b"Accept: */*",
        b"Connection: close",
        b"Content-Length: 8",
        b"content-type: application/json-rpc",
        b"Host: www.example.com",
        b"user-agent: me",
        b"X-Two: 1",
        b"X-Two: 2",
    ]
    assert body == '{"é":1}'.encode()


async def test_a_plain_request_names_the_address_and_itself(serve) -> None:
    heard: list[bytes] = []
    port = await serve(answering(PAGE, heard))
    assert (await ask(port)).ok
    assert f"\r\nHost: 127.0.0.1:{port}\r\n".encode() in heard[0]
    assert f"\r\nUser-Agent: gslb/{__version__}\r\n".encode() in heard[0]
    assert b"content-type" not in heard[0].lower()


async def test_an_address_of_either_family(serve) -> None:
    heard: list[bytes] = []
    try:
        port = await serve(answering(PAGE, heard), host="::1")
    except OSError:
        pytest.skip("no IPv6 loopback")
    assert (await ask(port, "::1")).ok
    assert f"\r\nHost: [::1]:{port}\r\n".encode() in heard[0]


async def test_proxy_settings_of_the_environment_are_ignored(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert await outcome(serve, PAGE) == PASSED


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        (PAGE, {"contains": "fine"}, PASSED),
        (b"HTTP/1.1 204 No Content\r\n\r\n", {"status": (200, 204)}, PASSED),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + PAGE, {"contains": "fine"}, PASSED),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", {"contains": "the end"}, PASSED),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nfi\r\n3\r\nne!\r\n0\r\nTrailer: 1\r\n\r\n",
            {"contains": "fine!"},
            PASSED,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {"method": "HEAD"}, PASSED),
        (b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n", {}, ("status", "503, expected 200")),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            {},
            ("status", "302, expected 200"),
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", {"status": (302,)}, PASSED),
        (b"", {}, ("protocol", "connection closed without an answer")),
        (b"HTTP/1.1 200 OK\r\nContent-", {}, ("protocol", "connection closed without an answer")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", {}, ("protocol", "body ended early or badly framed")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            {},
            ("protocol", "body ended early or badly framed"),
        ),
    ],
)
async def test_answers(serve, reply: bytes, options: dict, expected: tuple[str, str]) -> None:
    assert await outcome(serve, reply, **options) == expected


@pytest.mark.parametrize(
    "reply",
    [
        b"\x16\x03\x01 this is no HTTP\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0" * 1000,
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nfine!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_garbage_and_huge_headers_are_protocol_failures(serve, reply: bytes) -> None:
    reason, _ = await outcome(serve, reply)
    assert reason == "protocol"


async def test_a_json_rpc_error_with_status_200_is_a_dead_database(serve) -> None:
    body = b'{"jsonrpc":"2.0","error":{"code":-32500,"message":"DB error"},"id":1}'
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert await outcome(serve, reply, contains='"result"') == ("body", "69 octets without '\"result\"'")
    assert await outcome(serve, reply, json=(("jsonrpc", "2.0"), ("result", "7.0"))) == (
        "body",
        'result is absent, expected "7.0"',
    )


async def test_a_huge_body_is_read_to_the_limit_only(serve) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nneedle")
        while True:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    port = await serve(flood)
    assert (await ask(port, contains="needle")).ok
    result = await ask(port, contains="haystack")
    assert result.reason == "body"
    await asyncio.sleep(0.05)
    assert sent < 32_000_000  # what fits the socket buffers, twice


async def test_compressed_bodies_are_not_unpacked(serve) -> None:
    body = gzip.compress(b"needle" + bytes(50_000_000))
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    reason, _ = await outcome(serve, reply, contains="needle")
    assert reason == "body"


async def test_no_cookie_is_carried_to_the_next_probe(serve) -> None:
    heard: list[bytes] = []
    port = await serve(
        answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n", heard), host="localhost"
    )
    for _ in range(2):
        assert (await ask(port)).ok
    assert b"cookie" not in heard[1].lower()


async def test_a_slow_body_ends_at_the_total_deadline(serve) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.01)

    result = await ask(await serve(drip), timeout=0.2)
    assert (result.reason, result.detail) == ("timeout", "headers received, waiting for the body, within 0.2 s")
    assert 0.19 < result.latency < 0.6


async def half_a_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await asyncio.sleep(30)


@pytest.mark.parametrize(
    ("handler", "options", "stage"),
    [
        (tarpit, {}, "connected, waiting for the answer"),
        (half_a_head, {}, "connected, waiting for the answer"),
        (tarpit, {"scheme": "https"}, "connected, waiting for the TLS handshake"),
    ],
)
async def test_the_stage_in_which_the_deadline_came_is_told(serve, handler, options, stage: str) -> None:
    result = await ask(await serve(handler), timeout=0.3, **options)
    assert (result.reason, result.detail) == ("timeout", f"{stage}, within 0.3 s")


async def test_no_connection_is_told_apart_from_no_answer(full_port: int) -> None:
    for scheme in ("http", "https"):
        result = await ask(full_port, scheme=scheme, timeout=0.2)
        assert (result.reason, result.detail) == ("timeout", "connecting, within 0.2 s")


async def test_a_server_that_shakes_hands_and_hangs(serve, authority) -> None:
    port = await serve(tarpit, tls=authority.server("127.0.0.1"))
    result = await ask(port, scheme="https", ca=str(authority.ca), timeout=0.5)
    assert (result.reason, result.detail) == ("timeout", "connected, waiting for the answer, within 0.5 s")


async def test_a_tarpit_delays_no_other_check(serve) -> None:
    slow, quick = await serve(tarpit), await serve(answering(PAGE))
    stuck = [asyncio.create_task(ask(slow, timeout=0.5)) for _ in range(50)]
    await asyncio.sleep(0)
    started = time.monotonic()
    assert (await ask(quick)).ok
    assert time.monotonic() - started < 0.4
    results = await asyncio.gather(*stuck)
    assert {result.reason for result in results} == {"timeout"}
    assert max(result.latency for result in results) < 1.0


async def test_refused() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = await ask(closed.getsockname()[1])
    assert (result.reason, result.ok) == ("refused", False)


async def test_reset(serve) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    result = await ask(await serve(slam))
    assert (result.reason, result.detail) == ("reset", "connection reset")


async def secure(serve, tls: ssl.SSLContext, **options) -> Result:
    return await ask(await serve(answering(PAGE), tls=tls), scheme="https", **options)


async def test_a_good_certificate_for_the_host(serve, authority) -> None:
    ca = str(authority.ca)
    result = await secure(serve, authority.server("www.example.com"), host="www.example.com:8443", ca=ca)
    assert (result.ok, result.detail) == (True, "")
    assert result.tls_days == pytest.approx(30, abs=0.1)


async def test_the_server_name_is_apart_from_the_host(serve, authority) -> None:
    tls = authority.server("inner.example.com")
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    result = await secure(serve, tls, host="www.example.com", sni="inner.example.com", ca=str(authority.ca))
    assert result.ok
    assert names == ["inner.example.com"]


async def test_a_certificate_for_the_address(serve, authority) -> None:
    assert (await secure(serve, authority.server("127.0.0.1"), ca=str(authority.ca))).ok


async def test_a_certificate_for_another_name(serve, authority) -> None:
    result = await secure(serve, authority.server("other.example.com"), host="www.example.com", ca=str(authority.ca))
    assert result.reason == "tls"
    assert result.detail.startswith("Hostname mismatch, certificate is not valid for 'www.example.com'")


async def test_an_expired_certificate(serve, authority) -> None:
    result = await secure(serve, authority.server("a.example", days=-1), host="a.example", ca=str(authority.ca))
    assert (result.reason, result.detail) == ("tls", "certificate has expired")


async def test_a_self_signed_certificate(serve, authority) -> None:
    tls = authority.server("a.example", self_signed=True)
    result = await secure(serve, tls, host="a.example", ca=str(authority.ca))
    assert result.reason == "tls"
    assert "self" in result.detail


async def test_the_system_store_is_the_default(serve, authority) -> None:
    result = await secure(serve, authority.server("a.example"), host="a.example")
    assert result.reason == "tls"


@pytest.mark.parametrize(
    ("days", "told"), [(31, ""), (30, "tls: 29.9 days left to the certificate, expected at least 30")]
)
async def test_days_that_must_be_left(serve, authority, days: int, told: str) -> None:
    tls = authority.server("a.example", days=days)
    result = await secure(serve, tls, host="a.example", ca=str(authority.ca), min_days=30)
    assert str(result) == told
    assert result.tls_days == pytest.approx(days, abs=0.1)


async def test_verify_can_be_turned_off(serve, authority) -> None:
    tls = authority.server("other.example", days=-1, self_signed=True)
    assert (await secure(serve, tls, host="a.example", verify=False)).ok


async def test_tls_against_a_plain_server(serve) -> None:
    result = await ask(await serve(answering(PAGE)), scheme="https", timeout=0.5)
    assert result.reason in ("tls", "reset", "timeout")
    assert not result.ok


async def test_plain_against_a_tls_server(serve, authority) -> None:
    result = await ask(await serve(answering(PAGE), tls=authority.server("a.example")), timeout=0.5)
    assert result.reason in ("protocol", "reset")


async def test_a_tarpit_in_the_handshake(serve) -> None:
    result = await ask(await serve(tarpit), scheme="https", timeout=0.2)
    assert result.reason == "timeout"
    assert result.latency < 0.6


async def test_a_ca_file_that_cannot_be_used(serve, authority, tmp_path: Path) -> None:
    missing = await secure(serve, authority.server("a.example"), ca=str(tmp_path / "none.pem"))
    assert (missing.reason, missing.detail) == ("tls", "cannot use the ca file: No such file or directory")
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    useless = await secure(serve, authority.server("a.example"), ca=str(empty))
    assert useless.reason == "tls"
    assert useless.detail.startswith("cannot use the ca file: ")


async def test_a_ca_file_that_changes_is_read_again(serve, authority, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("nothing")
    port = await serve(answering(PAGE), tls=authority.server("a.example"))
    assert (await ask(port, scheme="https", host="a.example", ca=str(ca))).reason == "tls"
    ca.write_bytes(authority.ca.read_bytes())
    assert (await ask(port, scheme="https", host="a.example", ca=str(ca))).ok


def test_min_days_of_the_configuration(tmp_path: Path) -> None:
    text = "web: {type: http, scheme: https, min_days: 14}"
    assert Folder(tmp_path).load(monitors=text, pools=POOL).monitors["web"] == HttpMonitor(
        "web", 443, scheme="https", min_days=14
    )


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("min_days: 14", "is for https alone (set scheme: https, or leave it out)"),
        ("scheme: https, verify: false, min_days: 14", "is not used with verify: false (leave one of them out)"),
        ("scheme: https, min_days: 0", "must be at least 1 (got 0)"),
    ],
)
def test_min_days_that_make_no_sense(tmp_path: Path, keys: str, problem: str) -> None:
    found = Folder(tmp_path).messages(monitors=f"web: {{type: http, {keys}}}", pools=POOL)
    assert found == [f"monitors.web.min_days: {problem}"]


@pytest.mark.parametrize(
    ("host", "sni", "name"),
    [
        (None, None, "192.0.2.1"),
        ("www.example.com", None, "www.example.com"),
        ("www.example.com:8443", None, "www.example.com"),
        ("[2001:db8::1]:8443", None, "2001:db8::1"),
        ("[2001:db8::1]", None, "2001:db8::1"),
        ("2001:db8::1", None, "2001:db8::1"),
        ("www.example.com:8443", "inner", "inner"),
        (None, "inner", "inner"),
    ],
)
def test_the_name_that_the_certificate_must_carry(host: str | None, sni: str | None, name: str) -> None:
    assert server_name(HttpMonitor("web", 443, host=host, sni=sni), "192.0.2.1") == name


async def test_a_deadline_leaves_no_task_and_no_connection(serve) -> None:
    port = await serve(tarpit)
    before = asyncio.all_tasks()
    await ask(port, timeout=0.05)
    await asyncio.sleep(0)
    own = {task for task in asyncio.all_tasks() - before if "handle" not in repr(task.get_coro())}
    assert own == set()
