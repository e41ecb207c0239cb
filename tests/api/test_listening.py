"""The API's socket: TLS, other certificates while it listens, and what is no HTTP."""

import asyncio
import json
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gslb.api import listening as module
from gslb.api.listening import Listening, retire
from gslb.config.settings import ApiTls
from gslb.errors import StateError
from tests.certificates import Issuer, Pair

Start = Callable[[ApiTls | None], Awaitable[int]]


class Wanted:
    tls: ApiTls | None = None

    def __call__(self) -> ApiTls | None:
        return self.tls


@pytest.fixture
def wanted() -> Wanted:
    return Wanted()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "pki")


async def hello(request: web.Request) -> web.Response:
    await asyncio.sleep(float(request.query.get("wait", "0")))
    return web.json_response({"length": len(await request.read())})


@pytest.fixture
async def start(free_port: Callable[[], int], wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """`await start(tls)` listens and returns the port."""
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)
    app = web.Application()
    app.router.add_route("*", "/", hello)
    listening = Listening(app)
    keeping: list[asyncio.Task[None]] = []

    async def begin(tls: ApiTls | None) -> int:
        port = free_port()
        wanted.tls = tls
        await listening.open(("127.0.0.1", port), tls)
        keeping.append(asyncio.create_task(listening.keep_current(wanted)))
        return port

    yield begin
    for task in keeping:
        task.cancel()
    await asyncio.gather(*keeping, return_exceptions=True)
    await listening.close()


async def serial(port: int, issuer: Issuer, shown: Pair | None = None) -> str:
    """Ask, and tell the serial number of the certificate that was shown."""
    context = ssl.create_default_context(cafile=issuer.ca)
    if shown:
        context.load_cert_chain(*shown)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    certificate = writer.get_extra_info("peercert")
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    if not answer:
        raise ConnectionResetError("closed without an answer")
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return str(certificate["serialNumber"])


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_a_renewed_certificate_is_shown_and_no_request_is_lost(start: Start, issuer: Issuer) -> None:
    tls = ApiTls(*issuer.pair("127.0.0.1"))
    port = await start(tls)
    first = await serial(port, issuer)
    seen: set[str] = set()
    done = False

    async def ask() -> None:
        while not done:
            seen.add(await serial(port, issuer))

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    issuer.pair("127.0.0.1")

    async def renewed() -> bool:
        return bool(seen - {first})

    await eventually(renewed)
    done = True
    await asyncio.gather(*asking)
    assert len(seen | {first}) == 2
    assert await serial(port, issuer) != first


@pytest.mark.parametrize("iterations", range(5))
async def test_no_connection_is_lost_whenever_its_server_is_retired(iterations: int) -> None:
    """In the kernel's queue, accepted, or made: the next server on the same socket has what the former one has not."""
    loop = asyncio.get_running_loop()

    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        former = await asyncio.start_server(greet, sock=listener.dup())
        client.connect(listener.getsockname())  # by the kernel, at once
        client.setblocking(False)
        for _ in range(iterations):
            await asyncio.sleep(0)
        await retire(former)
        async with await asyncio.start_server(greet, sock=listener.dup()), asyncio.timeout(5):
            assert await loop.sock_recv(client, 5) == b"hello"


async def test_who_is_connected_goes_on(start: Start, issuer: Issuer) -> None:
    port = await start(ApiTls(*issuer.pair("127.0.0.1")))
    first = await serial(port, issuer)
    context = ssl.create_default_context(cafile=issuer.ca)
    async with aiohttp.ClientSession() as session:
        slow = asyncio.create_task(session.get(f"https://127.0.0.1:{port}/?wait=0.5", ssl=context))
        await asyncio.sleep(0.05)
        issuer.pair("127.0.0.1")

        async def renewed() -> bool:
            return await serial(port, issuer) != first

        await eventually(renewed)
        assert (await slow).status == 200


async def test_a_bad_certificate_changes_nothing_and_is_told_once(
    start: Start, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    tls = ApiTls(*issuer.pair("127.0.0.1"))
    port = await start(tls)
    first = await serial(port, issuer)
    Path(tls.cert).write_text("half a fi")

    async def told() -> bool:
        return "goes on with the certificate that it has" in caplog.text

    await eventually(told)
    await asyncio.sleep(0.1)
    assert caplog.text.count("goes on with the certificate") == 1
    assert await serial(port, issuer) == first


async def test_certificates_of_clients_can_be_asked_for_from_a_reload_on(
    start: Start, issuer: Issuer, wanted: Wanted, tmp_path: Path
) -> None:
    pair, stranger = issuer.pair("127.0.0.1"), Issuer(tmp_path / "strangers")
    port = await start(ApiTls(*pair))
    await serial(port, issuer)
    wanted.tls = ApiTls(*pair, issuer.ca)

    async def refused() -> bool:
        try:
            await serial(port, issuer)
        except OSError:
            return True
        return False

    await eventually(refused)
    assert await serial(port, issuer, issuer.pair("ci", "client"))
    with pytest.raises(OSError, match=r"(?i)unknown.ca|alert|reset|closed"):
        await serial(port, issuer, stranger.pair("ci", "client"))


async def test_tls_can_begin_and_end(start: Start, issuer: Issuer, wanted: Wanted) -> None:
    port = await start(None)
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"http://127.0.0.1:{port}/")).status == 200
    wanted.tls = ApiTls(*issuer.pair("127.0.0.1"))

    async def by_tls() -> bool:
        try:
            return bool(await serial(port, issuer))
        except OSError:
            return False

    await eventually(by_tls)


async def test_a_first_request_has_less_time_than_the_next(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD", 0.2)
    port = await start(None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: ")
    kept_reader, kept = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        kept.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await kept_reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(2):
            assert await reader.read() == b""
    writer.close()
    kept.close()


async def test_old_tls_is_refused(start: Start, issuer: Issuer) -> None:
    port = await start(ApiTls(*issuer.pair("127.0.0.1")))
    context = ssl.create_default_context(cafile=issuer.ca)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", port, ssl=context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
    writer.close()


async def test_what_cannot_be_opened(start: Start, issuer: Issuer, free_port: Callable[[], int]) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        await start(ApiTls("/none", "/none"))
    port = await start(None)
    second = Listening(web.Application())
    with pytest.raises(StateError, match=f"API address 127.0.0.1 port {port}: Address already in use"):
        await second.open(("127.0.0.1", port), None)
    await second.close()


SECRET = "gslb_0000aaaa_sEcretsEcretsEcret"


@pytest.mark.parametrize(
    "request_",
    [
        f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\x00\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer {SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET * 400}\r\n\r\n",
        f"GET /{SECRET}\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        f"{SECRET}\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_quoted_nowhere(start: Start, request_: str, caplog: pytest.LogCaptureFixture) -> None:
    port = await start(None)
    with caplog.at_level(logging.DEBUG):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_.encode())
        answer = await asyncio.wait_for(reader.read(), 3)
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 400
    assert "sEcret" not in answer.decode() + caplog.text


async def test_a_compressed_body_is_not_blown_up(start: Start) -> None:
    port = await start(None)
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://127.0.0.1:{port}/", data=b"\x1f\x8b" + bytes(98), headers={"Content-Encoding": "gzip"}
        ) as answer,
    ):
        assert await answer.json() == {"length": 100}


async def test_requests_that_are_none_leave_the_log_alone(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    port = await start(None)
    began = time.perf_counter()
    for _ in range(100):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        await reader.read()
        writer.close()
    assert time.perf_counter() - began < 5
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


async def test_a_moment_without_descriptors_ends_nothing(
    start: Start, issuer: Issuer, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = await start(ApiTls(*issuer.pair("127.0.0.1")))
    former = await serial(port, issuer)
    serve, refusals = Listening._serve, iter([OSError(24, "Too many open files")] * 3)

    async def short_of_them(self: Listening, context: ssl.SSLContext | None) -> None:
        for refusal in refusals:
            raise refusal
        await serve(self, context)

    monkeypatch.setattr(Listening, "_serve", short_of_them)
    wanted.tls = ApiTls(*issuer.pair("127.0.0.1"))

    async def renewed() -> bool:
        return await serial(port, issuer) != former

    await eventually(renewed)
    assert next(refusals, None) is None
