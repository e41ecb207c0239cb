"""The way to etcd: failover, logins, certificates, and servers that are not etcd or misbehave."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest

from gslb.errors import StoreError
from gslb.store.etcd import Etcd
from gslb.store.etcdaccess import Access, client_tls
from gslb.store.etcderrors import UnsureError
from gslb.store.etcdtext import Put
from tests.etcd_kit import PASSWORD, PREFIX, USER, Cluster


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("three"), 3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("encrypted"), tls=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("secured")) as cluster:
        cluster.secure()
        yield cluster


@asynccontextmanager
async def opened(access: Access) -> AsyncIterator[Etcd]:
    async with aclosing(Closing(access)) as etcd:
        yield etcd


class Closing(Etcd):
    async def aclose(self) -> None:
        await self.close()


async def failure(access: Access, key: str = PREFIX) -> StoreError:
    async with opened(access) as etcd:
        with pytest.raises(StoreError) as raised:
            await etcd.get(key)
    if access.endpoints[0].startswith("https"):
        await asyncio.sleep(0.5)  # connections whose handshake failed are closed by the loop a moment later
    return raised.value


async def server(answer: bytes, *, hang: bool = False) -> tuple[asyncio.Server, str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if hang:
            await reader.read()
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    return listening, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def test_a_dead_endpoint_is_passed_over(three: Cluster) -> None:
    async with opened(Access(("http://127.0.0.1:1", *three.urls))) as etcd:
        assert (await etcd.txn([], [Put("a", b"")])).succeeded
        assert etcd.endpoint == three.urls[0]


async def test_a_frozen_member_is_left_and_writes_that_it_may_have_taken_are_unsure(three: Cluster) -> None:
    frozen, *others = three.followers()
    async with opened(three.access(frozen, *others)) as etcd:
        await etcd.get("a")
        frozen.freeze()
        try:
            with pytest.raises(UnsureError, match=frozen.url):
                await etcd.txn([], [Put("a", b"")])
            assert etcd.endpoint == others[0].url
            etcd.leave(etcd.endpoint)
            began = time.monotonic()
            assert (await etcd.txn([], [Put("a", b"")], repeat=True)).succeeded
            assert 0.9 < time.monotonic() - began < 2.0
            assert etcd.heard > began
        finally:
            frozen.thaw()


async def test_the_leader_dies_and_another_is_found(three: Cluster) -> None:
    leader = three.leader()
    others = [member for member in three.members if member is not leader]
    async with opened(three.access(leader, *others)) as etcd:
        await etcd.get("a")
        leader.kill()
        began = time.monotonic()
        while True:
            try:
                await etcd.txn([], [Put("a", b"")], repeat=True)
                break
            except StoreError:
                assert time.monotonic() - began < 5.0
        print(f"\na write {time.monotonic() - began:.2f} s after the leader was killed")
    three.start()


async def test_a_minority_says_that_it_has_no_leader(three: Cluster) -> None:
    alone, *others = three.members
    for member in others:
        member.freeze()
    try:
        async with opened(three.access(alone)) as etcd:
            began = time.monotonic()
            while "no leader" not in str(await failure(three.access(alone))):
                assert time.monotonic() - began < 6.0
            with pytest.raises(StoreError, match="no leader") as raised:
                await etcd.txn([], [Put("a", b"")])
            assert not isinstance(raised.value, UnsureError)
            assert etcd.heard == float("-inf")
            assert (await etcd.status()).alarms == ("etcdserver: no leader",)
    finally:
        for member in others:
            member.thaw()


async def test_all_endpoints_are_named_when_none_answers() -> None:
    began = time.monotonic()
    error = await failure(Access(("http://127.0.0.1:1", "http://localhost:2")))
    assert time.monotonic() - began < 1.0
    assert "http://127.0.0.1:1: cannot connect: connection refused; http://localhost:2: cannot connect" in str(error)


async def test_a_client_certificate(encrypted: Cluster) -> None:
    async with opened(encrypted.access()) as etcd:
        assert (await etcd.txn([], [Put("a", b"")])).succeeded
        async with aclosing(etcd.watch("a", 0)) as batches:
            assert not (await anext(batches)).changes


async def test_certificates_that_do_not_fit(encrypted: Cluster) -> None:
    files, url = encrypted.certificates, encrypted.urls[0]
    assert files is not None
    foreign = await failure(Access(encrypted.urls))
    assert f"{url}: its certificate is not trusted: " in str(foreign)
    assert "check ca" in foreign.hint
    none = await failure(Access(encrypted.urls, client_tls(str(files.ca), None, None)))
    assert url in str(none)
    assert "client certificate" in none.hint
    plain = await failure(Access((url.replace("https", "http"),)))
    assert "https://" in plain.hint


async def test_a_server_that_does_not_speak_tls(three: Cluster) -> None:
    error = await failure(Access((three.urls[0].replace("http", "https"),)))
    assert "http://" in error.hint


async def test_a_login(secured: Cluster) -> None:
    async with opened(secured.access(login=(USER, PASSWORD))) as etcd:
        assert (await etcd.txn([], [Put(PREFIX + "a", b"")])).succeeded
        with pytest.raises(StoreError, match="permission denied") as raised:
            await etcd.get("elsewhere")
        assert "grant-permission" in raised.value.hint
        async with aclosing(etcd.watch(PREFIX, 0)) as batches:
            assert not (await anext(batches)).changes
        with pytest.raises(StoreError, match="permission denied"):
            await refused_watch(etcd)


async def refused_watch(etcd: Etcd) -> None:
    async with aclosing(etcd.watch("elsewhere", 0)) as batches:
        await anext(batches)


async def test_logins_that_are_refused(secured: Cluster) -> None:
    wrong = await failure(secured.access(login=(USER, "wrong")))
    assert "authentication failed" in str(wrong)
    assert wrong.hint == "check user and password"
    none = await failure(secured.access())
    assert "user name is empty" in str(none)
    assert "set user and password" in none.hint


async def test_a_login_that_etcd_has_forgotten_is_renewed(secured: Cluster) -> None:
    async with opened(secured.access(login=(USER, PASSWORD))) as etcd:
        await etcd.get(PREFIX)
        secured.members[0].kill()
        secured.start()
        for _ in range(20):
            assert (await etcd.get(PREFIX))[0] > 0
        etcd._link._token = "forgotten.1"
        assert (await etcd.txn([], [Put(PREFIX, b"")])).succeeded
        etcd._link._token = "forgotten.1"
        with pytest.raises(StoreError, match="invalid auth token"):
            await refused_watch(etcd)
        async with aclosing(etcd.watch(PREFIX, 0)) as batches:
            assert not (await anext(batches)).changes


async def test_a_login_where_none_is_needed(three: Cluster) -> None:
    async with opened(three.access(login=(USER, PASSWORD))) as etcd:
        assert (await etcd.get("a"))[0] > 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed without an answer"),
        (b"SSH-2.0-OpenSSH\r\n", "the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "not an answer of etcd's"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "not an answer of etcd's"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"result": 5}', "not an answer of etcd's"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "cannot understand"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "ended within the answer"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found", "Not Found"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "302"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "502"),
    ],
)
async def test_what_is_not_etcd(answer: bytes, words: str) -> None:
    listening, url = await server(answer)
    async with listening:
        assert words in (text := str(await failure(Access((url,)))))
        assert url in text


async def test_silence_ends_within_the_time_of_a_call() -> None:
    listening, url = await server(b"", hang=True)
    async with listening:
        began = time.monotonic()
        assert "no answer within" in str(await failure(Access((url, url), patience=0.2, total=0.5)))
        assert 0.4 < time.monotonic() - began < 1.0


async def test_a_watch_that_does_not_begin_or_ends_is_left(three: Cluster) -> None:
    listening, url = await server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", hang=True)
    async with listening, opened(Access((url, three.urls[0]), patience=0.3)) as etcd:
        with pytest.raises(StoreError, match=r"no answer within 0\.3 s"):
            await refused_watch(etcd)
        assert etcd.endpoint == three.urls[0]
    async with opened(three.access()) as etcd:
        member = three.members[0]
        async with aclosing(etcd.watch("a", 0)) as batches:
            await anext(batches)
            member.kill()
            with pytest.raises(StoreError, match=member.url):
                await anext(batches)
        assert etcd.endpoint != member.url
    three.start()
