"""Webhooks against a real HTTP server that answers, fails, is slow, redirects, or is not there; and Alertmanager."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gslb.config.settings import SinkSettings
from gslb.control import notify
from gslb.control.notify import Outlet, Post
from gslb.control.notifyfacts import Fact, Key, Notice
from gslb.control.notifyforms import Sender
from tests.ports import free_port
from tests.webhooks import SECRET, Receiver, receiver, said

__all__ = ["receiver"]

SENDER = Sender("tokyo-1", "tokyo")
SITE = Fact(Key("site", "site/tokyo"), "site", "critical", "site tokyo is down", "site tokyo is up again")

POOL = Fact(Key("pool", "pool/web"), "pool", "critical", "pool web fails open", "pool web has a live member again")


def notice(number: int = 0, at: float = 1_800_000_000.0) -> Notice:
    return Notice("site_down", SITE._replace(key=Key("site", f"site/{number}")), True, f"site {number} is down", at)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"WINDOW": 0.05, "PATIENCE": 0.5, "FIRST_PAUSE": 0.02, "LAST_PAUSE": 0.05}.items():
        monkeypatch.setattr(notify, name, seconds)


@asynccontextmanager
async def working(outlet: Outlet) -> AsyncIterator[Outlet]:
    task = asyncio.create_task(outlet.run())
    yield outlet
    task.cancel()
    await asyncio.wait([task])


def outlet_to(url: str, kind: Any = "generic", **options: Any) -> Outlet:
    return Outlet(SinkSettings(kind, url=url, **options), SENDER, lambda: 1_800_000_000.0)


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_happens_together_is_one_message(receiver: Receiver) -> None:
    async with working(outlet_to(receiver.url)) as outlet:
        outlet.tell([notice(1), notice(2)])
        outlet.tell([notice(3)])
        assert outlet.busy
        await until(lambda: outlet.sent == 1)
        assert not outlet.busy
        outlet.tell([notice(4)])
        await until(lambda: outlet.sent == 2)
    assert [[one["text"] for one in body["notices"]] for body in receiver.got] == [
        ["site 1 is down", "site 2 is down", "site 3 is down"],
        ["site 4 is down"],
    ]


async def test_only_what_is_chosen(receiver: Receiver) -> None:
    async with working(outlet_to(receiver.url, events=("drain",))) as outlet:
        drain = notice()._replace(fact=SITE._replace(group="drain"), text="a drain")
        outlet.tell([notice(1), drain])
        await until(lambda: outlet.sent == 1)
    assert [one["text"] for one in receiver.got[0]["notices"]] == ["a drain"]


async def test_a_receiver_that_fails_gets_it_later(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    receiver.answers = [said(500), said(503), said(429), said(200)]
    async with working(outlet_to(receiver.url)) as outlet:
        outlet.tell([notice(1)])
        await until(lambda: outlet.failed >= 1)
        assert outlet.delivery[:3] == (outlet.post.name, False, "HTTP 500")
        outlet.tell([notice(2)])
        await until(lambda: outlet.sent == 1)
    assert outlet.delivery[1:] == (True, "", 1, 3, 0)
    assert [one["text"] for one in receiver.got[-1]["notices"]] == ["site 1 is down", "site 2 is down"]
    assert caplog.text.count("do not arrive: HTTP 500") == 1
    assert caplog.text.count("arrive again") == 1
    assert SECRET not in caplog.text


async def test_a_receiver_that_is_slow_is_given_up_and_tried_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "PATIENCE", 0.1)

    async def late() -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return web.Response()

    receiver.answers = [late, said(200)]
    async with working(outlet_to(receiver.url)) as outlet:
        outlet.tell([notice()])
        await until(lambda: outlet.failed == 1)
        assert outlet.delivery.why == "no answer within 0.1 s"
        await until(lambda: outlet.sent == 1)


async def test_a_receiver_that_is_away_for_long_costs_the_oldest(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    monkeypatch.setattr(notify, "QUEUE", 3)
    receiver.answers = [said(500)]
    async with working(outlet_to(receiver.url)) as outlet:
        outlet.tell([notice(number) for number in range(10)])
        await until(lambda: outlet.failed >= 2)
        receiver.answers = [said(200)]
        await until(lambda: outlet.sent == 1)
    assert [one["text"] for one in receiver.got[-1]["notices"]] == [f"site {number} is down" for number in (7, 8, 9)]
    assert (outlet.dropped, receiver.got[-1]["dropped"]) == (7, 7)


async def test_the_death_of_a_site_is_told_however_many_pools_go_with_it(
    caplog: pytest.LogCaptureFixture, receiver: Receiver
) -> None:
    pools = [Notice("pool_down", POOL._replace(key=Key("pool", f"pool/{n}")), True, "", 1e9) for n in range(600)]
    async with working(outlet_to(receiver.url)) as outlet:
        outlet.tell([notice(1, at=1_799_999_999.0), *[one._replace(at=1_800_000_000.0) for one in pools]])
        await until(lambda: outlet.sent == 1)
    assert "site_down" in {one["event"] for one in receiver.got[0]["notices"]}
    assert outlet.dropped == 101
    assert sum("notification" in line for line in caplog.messages) == notify.MOST_LINES + 1


async def test_what_is_an_hour_old_is_given_up(receiver: Receiver) -> None:
    async with working(outlet_to(receiver.url)) as outlet:
        outlet.tell([notice(1, at=1_799_990_000.0), notice(2)])
        await until(lambda: outlet.sent == 1)
        outlet.tell([notice(3, at=1_799_990_000.0)])
        await until(lambda: outlet.dropped == 2)
    assert [one["text"] for body in receiver.got for one in body["notices"]] == ["site 2 is down"]


@pytest.mark.parametrize("answer", [said(302, Location="/elsewhere"), said(404), said(410)])
async def test_what_no_second_try_can_mend_is_not_tried_twice(receiver: Receiver, answer: Any) -> None:
    receiver.answers = [answer]
    async with working(outlet_to(receiver.url)) as outlet:
        outlet.tell([notice()])
        await until(lambda: outlet.dropped == 1)
        await asyncio.sleep(0.1)
    assert len(receiver.got) == outlet.failed == 1  # a redirect is not followed either


async def test_nobody_there() -> None:
    outcome = await Post(SinkSettings("generic", url=f"http://127.0.0.1:{free_port()}/{SECRET}")).send({})
    assert (outcome.ok, outcome.again, outcome.why) == (False, True, "Connection refused")


async def test_something_else_than_http() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    plain = await Post(SinkSettings("generic", url=f"http://127.0.0.1:{port}/{SECRET}")).send({})
    secure = await Post(SinkSettings("generic", url=f"https://127.0.0.1:{port}/{SECRET}")).send({})
    server.close()
    assert plain.why.startswith("no HTTP answer (")
    assert not secure.ok
    assert SECRET not in plain.why + secure.why


async def test_an_answer_without_end_is_not_waited_for() -> None:
    server = await asyncio.start_server(_drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outcome = await asyncio.wait_for(Post(SinkSettings("generic", url=f"http://127.0.0.1:{port}/")).send({}), 0.4)
    server.close()
    assert outcome.ok


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx")
    await reader.read()
    writer.close()


async def test_secrets_are_read_from_their_files_each_time(receiver: Receiver, tmp_path: Path) -> None:
    url, token = tmp_path / "url", tmp_path / "token"
    post = Post(SinkSettings("generic", url_file=str(url), token_file=str(token)))
    assert (await post.send({})).why == f"{url}: No such file or directory"
    url.write_bytes(b"\xff")
    assert (await post.send({})).why == f"{url}: is not text"
    url.write_text("two\nlines")
    assert (await post.send({})).why == f"{url}: must hold one line"
    url.write_text("gopher://" + SECRET)
    assert (await post.send({})).why.startswith(f"{url}: must be a URL")
    url.write_text(receiver.url + "\n")
    token.write_text("open sesame\n")
    assert (await post.send({"a": 1})).ok
    assert receiver.headers[0]["Authorization"] == "Bearer open sesame"
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert post.name == "generic url"


async def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    outcome = await Post(SinkSettings("generic", url="https://127.0.0.1/", ca=str(tmp_path / "ca.pem"))).send({})
    assert outcome.why == f"{tmp_path}/ca.pem: the certificates cannot be read: No such file or directory"


@pytest.mark.parametrize("kind", ["generic", "slack", "alertmanager"])
async def test_a_test_is_sent_at_once(receiver: Receiver, kind: str) -> None:
    delivery = await outlet_to(receiver.url, kind).test()
    assert delivery[:3] == (f"{kind} {receiver.url.split('/')[2]}", True, "")
    assert "a test: notifications from this node arrive" in json.dumps(receiver.got)
    receiver.answers = [said(500)]
    assert (await outlet_to(receiver.url, kind).test())[1:3] == (False, "HTTP 500")


async def test_a_fault_of_ours_is_told_and_ends_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(notify, "FORMS", {"generic": broken})
        async with working(outlet_to(receiver.url)) as outlet:
            outlet.tell([notice(1)])
            await until(lambda: "a bug" in caplog.text)
            patch.undo()
            outlet.tell([notice(2)])
            await until(lambda: outlet.sent == 1)


async def test_alertmanager_is_told_what_holds_and_what_has_ended(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "REPEAT", 0.1)
    receiver.answers = [said(500), said(200)]
    async with working(outlet_to(receiver.url, "alertmanager")) as outlet:
        outlet.tell([notice()])  # of no use to it
        outlet.hold([SITE], 1_800_000_000.0)
        await until(lambda: outlet.sent >= 2)  # again, though nothing has changed
        outlet.hold([SITE], 1_800_000_001.0)
        outlet.hold([], 1_800_000_002.0)
        await until(lambda: receiver.got[-1][0]["endsAt"] == "2027-01-15T08:00:02.000Z")
        assert receiver.got[-1][0]["startsAt"] == "2027-01-15T08:00:00.000Z"
        outlet.hold([SITE], 1_800_000_003.0)  # and it is down once more
        await until(lambda: receiver.got[-1][0]["startsAt"] == "2027-01-15T08:00:03.000Z")
    assert not outlet.busy


async def test_what_ended_long_ago_is_told_no_more(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "REPEAT", 0.05)
    async with working(outlet_to(receiver.url, "alertmanager")) as outlet:
        outlet.hold([SITE], 1_799_990_000.0)
        outlet.hold([], 1_799_990_001.0)
        await asyncio.sleep(0.2)
    assert receiver.got == []


async def test_alertmanager_itself(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    argv = ["prometheus-alertmanager", "--config.file", str(tmp_path / "am.yml"), "--cluster.listen-address="]
    argv += ["--storage.path", str(tmp_path / "data"), "--web.listen-address", f"127.0.0.1:{port}"]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        await until(lambda: _listens(port), 10)
        one, other = (Outlet(SinkSettings("alertmanager", url=url), Sender(name, "s")) for name in ("a", "b"))
        async with working(one), working(other):
            now = one._clock()
            for outlet in (one, other):
                outlet.hold([SITE], now - 1)
            await until(lambda: one.sent > 0 and other.sent > 0)
            await until(lambda: len(_alerts(url)) == 1)  # both told it, and it is one alert
            assert _alerts(url)[0]["labels"]["alertname"] == "GslbSite"
            assert _alerts(url)[0]["annotations"] == {"summary": "site tokyo is down"}
            for outlet in (one, other):
                outlet.hold([], now)
            await until(lambda: _alerts(url) == [])
        assert (await one.test()).ok
        assert [alert["labels"]["alertname"] for alert in _alerts(url)] == ["GslbTest"]
    finally:
        process.terminate()
        process.wait(5)


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _alerts(url: str) -> Any:
    argv = ["amtool", "--alertmanager.url", url, "alert", "query", "-o", "json"]
    return json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=10).stdout)
