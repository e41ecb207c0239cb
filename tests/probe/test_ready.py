"""Ready-made monitors as a configuration makes them, against servers that speak as the real ones do."""

import asyncio
import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from gslb.config.model import Monitor
from gslb.probe import KINDS
from gslb.probe.answer import PRESENT
from gslb.probe.http import HttpMonitor
from gslb.probe.result import Result
from gslb.probe.tcp import TcpMonitor
from tests.config.conftest import Folder

POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def build(folder: Folder, text: str) -> Monitor:
    return folder.load(monitors=f"web: {text}", pools=POOL).monitors["web"]


async def ask(monitor: Monitor, port: int) -> Result:
    """Check as the runner does: by the type of what was made."""
    result = await KINDS[monitor.kind].check(replace(monitor, port=port, timeout=1.0), "127.0.0.1")
    assert isinstance(result, Result)
    return result


def front_end(answer: object, heard: list[bytes], status: str = "200 OK"):
    """A Zabbix front end: its API at one path, and `answer` as JSON."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        heard.append(head + await reader.readexactly(length))
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return handler


async def test_zabbix_web_asks_the_api_for_its_version(folder: Folder, serve) -> None:
    heard: list[bytes] = []
    port = await serve(front_end({"jsonrpc": "2.0", "result": "7.0.0", "id": 1}, heard))
    result = await ask(build(folder, "{type: zabbix-web, host: zabbix.example.com}"), port)
    assert result.ok, str(result)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"post /api_jsonrpc.php http/1.1\r\n")
    assert b"\r\nhost: zabbix.example.com\r\n" in head
    assert b"\r\ncontent-type: application/json-rpc\r\n" in head
    assert json.loads(body) == {"jsonrpc": "2.0", "method": "apiinfo.version", "params": [], "id": 1}


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (
            {"jsonrpc": "2.0", "error": {"code": -32603, "message": "Internal error.", "data": '"result"'}, "id": 1},
            "200 OK",
            "body: result is absent, expected something",
        ),
        ("<html>Database error", "200 OK", "body: 20 octets that are not JSON"),
        ({"result": "7.0.0"}, "503 Service Unavailable", "status: 503, expected 200"),
        ({"result": "7.0.0"}, "302 Found", "status: 302, expected 200"),
        ({"result": None}, "200 OK", ""),
    ],
)
async def test_a_front_end_that_cannot_work(folder: Folder, serve, answer: object, status: str, told: str) -> None:
    result = await ask(build(folder, "{type: zabbix-web}"), await serve(front_end(answer, [], status)))
    assert str(result) == told
    assert result.ok == (not told)


async def test_zabbix_web_by_https(folder: Folder, serve, authority) -> None:
    folder.write("zones/ca.pem", authority.ca.read_bytes())
    monitor = build(
        folder, "{type: zabbix-web, scheme: https, host: zabbix.example.com, ca: ca.pem, path: /zabbix/api_jsonrpc.php}"
    )
    heard: list[bytes] = []
    handler = front_end({"result": "7.0.0"}, heard)
    assert (await ask(monitor, await serve(handler, authority.server("zabbix.example.com")))).ok
    assert heard[0].startswith(b"post /zabbix/api_jsonrpc.php http/1.1\r\n")
    assert (await ask(monitor, await serve(handler, authority.server("other.example.com")))).reason == "tls"


def test_zabbix_web_is_an_http_monitor(folder: Folder) -> None:
    monitor = build(folder, "{type: zabbix-web, interval: 10s, fall: 2}")
    assert isinstance(monitor, HttpMonitor)
    assert (monitor.kind, monitor.port, monitor.interval, monitor.fall) == ("http", 80, 10.0, 2)
    assert (monitor.method, monitor.path, monitor.status) == ("POST", "/api_jsonrpc.php", (200,))
    assert monitor.json == (("result", PRESENT),)
    assert monitor == build(folder, "{type: zabbix-web, interval: 10s, fall: 2}")
    secure = build(folder, "{type: zabbix-web, scheme: https, verify: false, sni: a.example.com}")
    assert isinstance(secure, HttpMonitor)
    assert (secure.port, secure.verify, secure.sni) == (443, False, "a.example.com")


def zabbix_server(heard: list[bytes], answer: bytes = b""):
    """A Zabbix server's trapper: reads one message, answers that without a session there is no permission."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mark, flags, length, _ = struct.unpack("<4sBII", await reader.readexactly(13))
        assert (mark, flags) == (b"ZBXD", 1)
        heard.append(await reader.readexactly(length))
        text = b'{"response":"failed","info":"Permission denied."}'
        writer.write(answer or struct.pack("<4sBII", b"ZBXD", 1, len(text), 0) + text)
        await writer.drain()

    return handler


async def test_zabbix_server_asks_for_a_sign_of_life(folder: Folder, serve) -> None:
    heard: list[bytes] = []
    result = await ask(build(folder, "{type: zabbix-server}"), await serve(zabbix_server(heard)))
    assert result.ok, str(result)
    assert [json.loads(request) for request in heard] == [{"request": "status.get", "type": "ping"}]


async def hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def test_a_zabbix_server_that_only_accepts(folder: Folder, serve) -> None:
    port = await serve(hanging)
    assert (await ask(build(folder, "{type: zabbix-server}"), port)).reason == "timeout"
    assert (await ask(build(folder, "{type: zabbix-server, ask: false}"), port)).ok


async def test_a_standby_zabbix_server_does_not_listen(folder: Folder, free_port) -> None:
    for text in ("{type: zabbix-server}", "{type: zabbix-server, ask: false}"):
        assert (await ask(build(folder, text), free_port())).reason == "refused"


async def test_what_is_no_zabbix_server(folder: Folder, serve) -> None:
    port = await serve(zabbix_server([], b"HTTP/1.1 400 Bad Request\r\nServer: ZBXD\r\n\r\n"))
    assert str(await ask(build(folder, "{type: zabbix-server}"), port)) == "protocol: the answer is of another protocol"


def test_zabbix_server_is_a_tcp_monitor(folder: Folder) -> None:
    monitor = build(folder, "{type: zabbix-server}")
    assert (monitor.kind, monitor.port) == ("tcp", 10051)
    assert build(folder, "{type: zabbix-server, port: 20051, ask: false}") == TcpMonitor(name="web", port=20051)


def pgpool(answer: bytes):
    """A pgpool child: reads the request for TLS and answers."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == SSL_REQUEST
        for octet in answer:
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0.01)

    return handler


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"S", ""),
        (b"N", ""),
        (b"NE\0\0\0\x20SFATAL\0", ""),
        (b"E\0\0\0\x20SFATAL\0MNo connection\0\0", "protocol: the answer is of another protocol"),
        (b"HTTP/1.1 400 NO SSL\r\n", "protocol: the answer is of another protocol"),
        (b"", "body: closed after 0 octets without the expected ones"),
    ],
)
async def test_pgpool_answers_the_request_for_tls(folder: Folder, serve, answer: bytes, told: str) -> None:
    result = await ask(build(folder, "{type: pgpool}"), await serve(pgpool(answer)))
    assert (str(result), result.ok) == (told, not told)


async def test_a_pgpool_that_only_accepts(folder: Folder, serve) -> None:
    assert (await ask(build(folder, "{type: pgpool}"), await serve(hanging))).reason == "timeout"


def test_pgpool_is_a_tcp_monitor(folder: Folder) -> None:
    monitor = build(folder, "{type: pgpool, port: 5433}")
    assert monitor == TcpMonitor(name="web", port=5433, send=SSL_REQUEST, begins=(b"S", b"N"))
    assert build(folder, "{type: pgpool}").port == 9999


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{type: zabbix-web, method: GET}", "monitors.web.method: "),
        ("{type: zabbix-web, expect: {status: 200}}", "monitors.web.expect: "),
        ("{type: zabbix-web, sni: a}", "monitors.web.sni: is for https alone"),
        ("{type: zabbix-web, scheme: https, ca: gone.pem}", "monitors.web.ca: "),
        ("{type: zabbix-web, path: api}", "monitors.web.path: "),
        ("{type: zabbix-server, ask: maybe}", "monitors.web.ask: "),
        ("{type: zabbix-server, port: 0}", "monitors.web.port: "),
        ("{type: pgpool, send: x}", "monitors.web.send: "),
        ("{type: pgpool, begins: [x]}", "monitors.web.begins: "),
        ("{type: tcp, port: 80, begins: [x]}", "monitors.web.begins: "),
    ],
)
def test_faults(folder: Folder, text: str, fault: str) -> None:
    messages = folder.messages(monitors=f"web: {text}", pools=POOL)
    assert len(messages) == 1
    assert messages[0].startswith(fault)
