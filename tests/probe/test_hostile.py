"""Targets that somebody might slip into a configuration or an answer: each is refused with its reason, and a listener
that counts connections counts none, although whatever is connected to leads there."""

import asyncio
import logging
import socket
from asyncio.base_events import BaseEventLoop
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gslb.cli.main import main
from gslb.config.model import Config, Member, MonitorSet, Pool
from gslb.config.settings import NodeSettings
from gslb.probe import exec as program
from gslb.probe import tcp
from gslb.probe.http import HttpMonitor, check
from gslb.probe.runner import Runner
from gslb.probe.tcp import TcpMonitor
from tests.config.conftest import NODE, POOLS, Folder
from tests.config.conftest import folder as folder

SECRET = "hunter2"  # what answers are full of, and nobody may be told
NOT_AN_ADDRESS = "must be an IPv4 or IPv6 address"


class Trap:
    """A listener on loopback that never answers."""

    def __init__(self) -> None:
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = int(self._sockets[0].getsockname()[1])
        self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for sock in self._sockets:
            sock.setblocking(False)

    def connections(self) -> int:
        """How many came until now."""
        return sum(self._came(sock) for sock in self._sockets)

    @staticmethod
    def _came(sock: socket.socket) -> int:
        count = 0
        while True:
            try:
                sock.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


def test_the_trap_counts(trap: Trap) -> None:
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, trap.port)).close()
    assert trap.connections() == 2
    assert trap.connections() == 0


@pytest.fixture
def every_road(trap: Trap, monkeypatch: pytest.MonkeyPatch) -> Trap:
    """The trap, to which all names, addresses and ports lead: what is not refused before is counted there."""
    connect = BaseSelectorEventLoop.sock_connect

    async def resolve(_: object, host: object, port: int, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    async def lead(loop: BaseSelectorEventLoop, sock: socket.socket, _: object) -> None:
        await connect(loop, sock, ("::1" if sock.family == socket.AF_INET6 else "127.0.0.1", trap.port))

    monkeypatch.setattr(BaseEventLoop, "getaddrinfo", resolve)
    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", lead)
    return trap


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Why `gslb probe` makes no probe."""
    assert main(["probe", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


ADDRESSES = [  # as YAML has them, and why they are refused
    ("127.0.0.1", "it is a loopback address"),
    ("'127.255.255.254'", "it is a loopback address"),
    ("'::1'", "it is a loopback address"),
    ("2130706433", "must be text"),
    ("'2130706433'", NOT_AN_ADDRESS),
    ("'0177.0.0.1'", NOT_AN_ADDRESS),
    ("'0x7f.0.0.1'", NOT_AN_ADDRESS),
    ("'0x7f000001'", NOT_AN_ADDRESS),
    ("'127.1'", NOT_AN_ADDRESS),
    ("'127.0.0.1.'", NOT_AN_ADDRESS),
    ("'::ffff:127.0.0.1'", "must be the IPv4 address itself"),
    ("'::ffff:7f00:1'", "must be the IPv4 address itself"),
    ("'::127.0.0.1'", "it is a loopback address"),
    ("'64:ff9b::7f00:1'", "it is a loopback address"),
    ("'64:ff9b:1::7f00:1'", "it is a loopback address"),
    ("'2002:7f00:1::'", "it is a loopback address"),
    ("'2002:a9fe:a9fe::'", "it is the metadata service"),
    ("'[::1]'", NOT_AN_ADDRESS),
    ("'::1%lo'", "without a zone"),
    ("'fe80::1%eth0'", "without a zone"),
    ("'fe80::1'", "it is a link-local address"),
    ("localhost", NOT_AN_ADDRESS),
    ("rebind.example.com", NOT_AN_ADDRESS),
    ("127.0.0.1.nip.io", NOT_AN_ADDRESS),
    ("'127.0.0.1:80'", NOT_AN_ADDRESS),
    ("'192.0.2.1@127.0.0.1'", NOT_AN_ADDRESS),
    ("'http://127.0.0.1/'", NOT_AN_ADDRESS),
    ("'127.0.0.1/32'", NOT_AN_ADDRESS),
    ("' 127.0.0.1'", NOT_AN_ADDRESS),
    ('"127.0.0.1\\n"', NOT_AN_ADDRESS),
    ('"127.0.0.1\\0"', NOT_AN_ADDRESS),
    ('"127.0.0.\\u200b1"', NOT_AN_ADDRESS),
    ('"\\uff11\\uff12\\uff17.0.0.1"', NOT_AN_ADDRESS),  # digits of full width
    ('"127\\u30020\\u30020\\u30021"', NOT_AN_ADDRESS),  # full stops of another script
    ("'0.0.0.0'", "it is an unspecified address"),
    ("'::'", "it is an unspecified address"),
    ("'169.254.169.254'", "it is the metadata service"),
    ("'fd00:ec2::254'", "it is the metadata service"),
    ("'fd20:ce::254'", "it is the metadata service"),
    ("'168.63.129.16'", "it is the metadata service"),
    ("'100.100.100.200'", "it is the metadata service"),
    ("'192.0.0.192'", "it is the metadata service"),
    ("'255.255.255.255'", "it is the broadcast address"),
    ("'224.0.0.1'", "it is a multicast address"),
    ("'ff02::1'", "it is a multicast address"),
    ("''", NOT_AN_ADDRESS),
]


@pytest.mark.parametrize(("address", "reason"), ADDRESSES)
def test_addresses_of_a_configuration(folder: Folder, every_road: Trap, address: str, reason: str, capsys) -> None:
    folder.write_all(pools=POOLS.replace("192.0.2.1", address))
    told = refused(["ssh", "web/tokyo", "--config", f"{folder.path}/gslb.yaml"], capsys)
    assert reason in told
    assert "zones/a.yaml:" in told
    assert every_road.connections() == 0


@pytest.mark.parametrize(("address", "reason"), ADDRESSES)
def test_addresses_behind_others(folder: Folder, every_road: Trap, address: str, reason: str, capsys) -> None:
    folder.write_all(pools=POOLS.replace("[192.0.2.1]", f"[192.0.2.1], check: [{address}]"))
    told = refused(["ssh", "web/tokyo", "--config", f"{folder.path}/gslb.yaml"], capsys)
    assert reason in told
    assert every_road.connections() == 0


@pytest.mark.parametrize(("address", "reason"), ADDRESSES)
def test_addresses_of_a_command_line(folder: Folder, every_road: Trap, address: str, reason: str, capsys) -> None:
    folder.write_all()
    target = str(yaml.safe_load(address))
    told = refused(["type: tcp, port: 80", target, "--config", f"{folder.path}/gslb.yaml"], capsys)
    expected = {"must be text": (NOT_AN_ADDRESS,)}.get(reason, (reason,))
    if "/" in target:  # what has one names a target of the configuration
        expected = "is not one of site/NAME", "the configuration has no member"
    assert any(text in told for text in expected), told
    assert every_road.connections() == 0


async def test_without_the_loader_each_would_be_connected_to(every_road: Trap) -> None:
    texts = {str(yaml.safe_load(address)) for address, _ in ADDRESSES if r"\0" not in address}  # C ends text with NUL
    members = tuple(Member(text, "tokyo", (text,)) for text in texts)
    node = NodeSettings("n1", "tokyo", ("probe",), (), None, 0, "/zones", "/state")
    pools = {"web": Pool("web", members, MonitorSet(("ssh",), 1))}
    runner = Runner(Config(node, {}, {"ssh": TcpMonitor("ssh", 80)}, pools, {}, ""), lambda *_: None)
    runner.start()
    async with asyncio.timeout(5):
        await runner.first_round.wait()
    verdicts = {key.address: seen.verdict for key, seen in runner.belief().items()}
    await runner.close()
    assert verdicts == dict.fromkeys(texts, "up")
    assert every_road.connections() >= len(texts)


@pytest.mark.parametrize("address", [address for address, reason in ADDRESSES if reason.startswith("it is")])
def test_without_the_rules_each_is_connected_to(folder: Folder, every_road: Trap, address: str, monkeypatch) -> None:
    monkeypatch.setattr("gslb.config.pools.denied", lambda *_: "")
    monkeypatch.setattr("gslb.config.targets.denied", lambda *_: "")
    folder.write_all(pools=POOLS.replace("192.0.2.1", address))
    config = ["--config", f"{folder.path}/gslb.yaml"]
    assert main(["probe", "ssh", "web/tokyo", *config]) == 0
    assert main(["probe", "type: tcp, port: 80", str(yaml.safe_load(address)), *config]) == 0
    assert every_road.connections() == 2


MONITORS = [  # (keys after the type, why they are refused)
    ("http, port: 0", "port: must be at least 1"),
    ("http, port: 65536", "port: must be at most 65535"),
    ("http, port: '80'", "port: must be a whole number"),
    ("http, path: admin", "path: must be a path from / on"),
    ("http, path: 'http://127.0.0.1/'", "path: must be a path from / on"),
    ("http, path: '@127.0.0.1/'", "path: must be a path from / on"),
    ('http, path: "/ HTTP/1.1\\r\\nHost: evil\\r\\n\\r\\n"', "path: must be a path from / on"),
    ('http, path: "/\\0"', "path: must be a path from / on"),
    ('http, path: "/\\u200b"', "path: must be a path from / on"),
    ('http, method: "GET / HTTP/1.1\\r\\nX: "', "method: must be a method"),
    ('http, headers: {"X\\r\\nEvil": a}', "must be a header name"),
    ("http, headers: {'X: a': b}", "must be a header name"),
    ('http, headers: {X: "a\\r\\nEvil: 1"}', "must be text without line breaks"),
    ('http, headers: {X: "a\\nEvil: 1"}', "must be text without line breaks"),
    ('http, headers: {X: "a\\0b"}', "must be text without line breaks"),
    ("http, headers: {hOsT: evil}", "is set by the probe"),
    ("http, headers: {Transfer-Encoding: chunked}", "is set by the probe"),
    ("http, headers: {content-length: '0'}", "is set by the probe"),
    ("http, headers: {Connection: keep-alive}", "is set by the probe"),
    ("http, host: 'user:secret@127.0.0.1'", "host: must be a host name"),
    ('http, host: "a\\r\\nX: y"', "host: must be a host name"),
    ("http, host: '127.0.0.1/x'", "host: must be a host name"),
    ("http, host: '127.0.0.1?x#y'", "host: must be a host name"),
    ('http, scheme: https, sni: "a\\n"', "sni: must be a host name"),
    ("http, scheme: file", "scheme: must be http or https"),
    ("http, scheme: gopher", "scheme: must be http or https"),
    ("http, url: 'http://127.0.0.1/'", "url: is not a known key"),
    ("http, redirects: true", "redirects: is not a known key"),
    ("exec, command: /bin/sh -c id", "command: must be a list"),
    ("exec, command: [sh, -c, id]", "must be the absolute path of a program"),
    ('exec, command: ["/bin/echo", "a\\0b"]', "without NUL"),
    ("tcp, port: 22, address: 127.0.0.1", "address: is not a known key"),
]


@pytest.mark.parametrize(("keys", "reason"), MONITORS)
def test_monitors(folder: Folder, every_road: Trap, keys: str, reason: str, capsys) -> None:
    folder.write_all(monitors=f"web: {{type: {keys}}}\nssh: {{type: tcp, port: 22}}\n")
    config = ["--config", f"{folder.path}/gslb.yaml"]
    for monitor in ("web", "ssh"):
        told = refused([monitor, "web/tokyo", *config], capsys)
        assert reason in told
        assert "zones/a.yaml:" in told
    assert reason in refused([f"type: {keys}", "192.0.2.1", *config], capsys)
    assert every_road.connections() == 0


@pytest.mark.parametrize("keys", ["http, port: 80, timeout: 200ms", "tcp, port: 22"])
def test_the_same_way_leads_a_right_monitor_to_the_trap(folder: Folder, every_road: Trap, keys: str) -> None:
    folder.write_all(monitors=f"web: {{type: {keys}}}\nssh: {{type: tcp, port: 22}}\n")
    config = ["--config", f"{folder.path}/gslb.yaml"]
    main(["probe", "web", "web/tokyo", *config])
    assert every_road.connections() == 1
    main(["probe", f"type: {keys}", "192.0.2.1", *config])
    assert every_road.connections() == 1


def test_there_are_enough_of_them() -> None:
    assert len(ADDRESSES) + len(MONITORS) >= 40
    assert len({*ADDRESSES, *MONITORS}) == len(ADDRESSES) + len(MONITORS)


DENIED = [
    (
        "deny: [192.0.2.0/24]",
        "pools.web.members.tokyo.addresses.0: 192.0.2.1 must not be probed: it is in 192.0.2.0/24",
    ),
    ("allow: [0.0.0.0/0], deny: [192.0.2.1]", "192.0.2.1 must not be probed: it is in 192.0.2.1/32 of probe.deny"),
    ("ports: {deny: [22]}", "monitors.ssh.port: 22 must not be probed: it is in probe.ports.deny"),
    ("ports: {deny: [80]}", "monitors.web.port: 80 must not be probed: it is in probe.ports.deny"),
    ("ports: {deny: [1, 20-25]}", "monitors.ssh.port: 22 must not be probed: it is in 20-25 of probe.ports.deny"),
    ("ports: {deny: [0]}", "probe.ports.deny.0: must be a port from 1 to 65535, or a range such as 6000-6063 (got 0)"),
    ("ports: {deny: [9-3]}", "probe.ports.deny.0: must be a port from 1 to 65535"),
    ("deny: [localhost]", "probe.deny.0: must be a network"),
]


@pytest.mark.parametrize(("rule", "message"), DENIED)
def test_what_the_node_file_denies(folder: Folder, rule: str, message: str) -> None:
    [fault] = folder.problems(node=f"{NODE}probe: {{{rule}}}\n")
    assert message in fault
    assert fault.split(":")[0] in ("zones/a.yaml", "gslb.yaml")


def answering(reply: bytes, heard: list[bytes] | None = None):
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        if heard is not None:
            heard.append(request + await reader.read(65536) if b"Content-Length" in request else request)
        writer.write(reply)
        await writer.drain()

    return handler


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["http://169.254.169.254/", "http://127.0.0.1:{port}/", "//[::1]:{port}/"])
async def test_a_redirect_is_not_followed(serve, trap: Trap, status: int, place: str) -> None:
    location = place.format(port=trap.port).encode()
    reply = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
    result = await check(HttpMonitor("web", await serve(answering(reply))), "127.0.0.1")
    assert (result.reason, result.detail) == ("status", f"{status}, expected 200")
    assert trap.connections() == 0


OTHER_WAYS = [b"Refresh: 0; url=%s", b'Alt-Svc: h2="%s"', b"Link: <%s>; rel=preload", b"Content-Location: %s"]


@pytest.mark.parametrize("header", OTHER_WAYS)
async def test_no_header_leads_elsewhere(serve, trap: Trap, header: bytes) -> None:
    head = header % (b"http://127.0.0.1:%d/" % trap.port)
    reply = b"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 0\r\n\r\n" % head
    assert (await check(HttpMonitor("web", await serve(answering(reply))), "127.0.0.1")).ok
    assert trap.connections() == 0


async def test_neither_host_nor_name_nor_path_nor_proxy_chooses_the_address(serve, trap: Trap, monkeypatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{trap.port}")
    heard: list[bytes] = []
    port = await serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heard), host="127.0.0.11")
    place = f"127.0.0.1:{trap.port}"
    for path in (f"//{place}/x", f"/@{place}/", f"/\\{place}", f"/?url=http://{place}/"):
        assert (await check(HttpMonitor("web", port, host=place, path=path), "127.0.0.11")).ok
    assert [request.split(b"\r\n")[0].split()[1] for request in heard] == [
        f"//{place}/x".encode(),
        f"/@{place}/".encode(),
        f"/\\{place}".encode(),
        f"/?url=http://{place}/".encode(),
    ]
    assert trap.connections() == 0


async def test_a_body_stays_one_body(serve) -> None:
    heard: list[bytes] = []
    port = await serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heard))
    body = "x\r\n\r\nGET /admin HTTP/1.1\r\nHost: evil\r\n\r\n"
    assert (await check(HttpMonitor("web", port, method="POST", body=body), "127.0.0.1")).ok
    [request] = heard
    head, _, rest = request.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head.split(b"\r\n")
    assert rest == body.encode()


def secrets(status: str, octets: int = 1 << 20) -> bytes:
    body = (SECRET * (octets // len(SECRET))).encode()
    return (
        b"HTTP/1.1 %s\r\nX-Secret: %s\r\nContent-Length: %d\r\n\r\n" % (status.encode(), SECRET.encode(), len(body))
        + body
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("500 Oops", {}),
        ("200 OK", {"contains": "absent"}),
        ("200 OK", {"regex": "absent"}),
        ("200 OK", {"json": (("state", "up"),)}),
    ],
)
async def test_an_answer_is_not_told(serve, status: str, expected: dict[str, object]) -> None:
    port = await serve(answering(secrets(status)))
    result = await check(HttpMonitor("web", port, **expected), "127.0.0.1")
    assert not result.ok
    assert SECRET not in str(result)
    assert len(str(result)) <= 100


async def test_an_answer_over_tcp_is_not_told(serve) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SECRET.encode() * 100_000)
        await writer.drain()

    result = await tcp.check(TcpMonitor("t", await serve(babble), expect=b"absent"), "127.0.0.1")
    assert not result.ok
    assert SECRET not in str(result)


async def test_logs_and_belief_do_not_tell_an_answer(serve, folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    port = await serve(answering(secrets("500 Oops")))
    config = folder.load(
        node=f"{NODE}probe: {{allow: [127.0.0.1]}}\n",
        monitors=f"web: {{type: http, port: {port}, interval: 1s}}\nssh: {{type: tcp, port: {port}}}\n",
        pools=POOLS.replace("192.0.2.1", "127.0.0.1"),
    )
    caplog.set_level(logging.DEBUG, "gslb")
    runner = Runner(config, lambda key, observation: logging.getLogger("gslb").info("%s %s", key, observation))
    runner.start()
    async with asyncio.timeout(5):
        await runner.first_round.wait()
    told = repr(runner.belief()) + caplog.text
    await runner.close()
    assert "500, expected 200" in told
    assert SECRET not in told


async def test_a_program_gets_the_address_as_one_word(folder: Folder) -> None:
    marker = Path(folder.path) / "marker"
    monitors = (
        f"web: {{type: exec, command: [/bin/echo, '{{address}}; touch {marker}']}}\nssh: {{type: tcp, port: 22}}\n"
    )
    config = folder.load(monitors=monitors)
    result = await program.check(config.monitors["web"], "192.0.2.1")
    assert result.detail.startswith("192.0.2.1; touch ")
    assert not marker.exists()
