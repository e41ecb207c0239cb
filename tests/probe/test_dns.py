"""DNS queries to a real name server, and to sockets that answer badly, to others, or not at all."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from dnslib import QTYPE, RR, DNSRecord

from gslb.dns.name import from_text
from gslb.probe.dns import MAX_RECORDS, DnsMonitor, check
from gslb.probe.result import Result
from gslb.probe.trace import traced
from tests.config.conftest import Folder
from tests.differential.peers import nsd
from tests.ports import free_port

POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"
NAME = from_text("www.example.com.")
ZONE = """$TTL 60
@      SOA   ns1.example.com. admin.example.com. 7 3600 600 604800 30
@      NS    ns1.example.com.
@      MX    10 Mail.example.com.
ns1    A     192.0.2.53
www    A     192.0.2.1
www    A     192.0.2.2
www    AAAA  2001:db8::1
alias  CNAME www
text   TXT   "Two words" "more"
service HTTPS 1 . alpn=h2
odd    TYPE65280 \\# 3 414243
"""
LONG = "".join(f'long  TXT  "{number:03d}{"x" * 200}"\n' for number in range(10))

Answer = Callable[[bytes], list[bytes]]
Listen = Callable[..., Awaitable[int]]


@pytest.fixture(scope="module")
def server(need, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an NSD that has `example.com`."""
    folder = tmp_path_factory.mktemp("nsd")
    (folder / "example.com").write_text(ZONE + LONG)
    port = free_port()
    peer = nsd(need("nsd"), folder, port, {"example.com": str(folder / "example.com")})
    try:
        peer.wait("example.com")
        yield port
    finally:
        peer.stop()


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """`await listen(answer)` is the port of a socket that sends what `answer(query)` returns, one datagram for each."""
    transports: list[asyncio.DatagramTransport] = []

    class Server(asyncio.DatagramProtocol):
        def __init__(self, answer: Answer) -> None:
            self._answer = answer

        def connection_made(self, transport: asyncio.DatagramTransport) -> None:
            self._transport = transport

        def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
            for reply in self._answer(data):
                self._transport.sendto(reply, source)

    async def start(answer: Answer, port: int = 0) -> int:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Server(answer), local_addr=("127.0.0.1", port)
        )
        transports.append(transport)
        return int(transport.get_extra_info("sockname")[1])

    yield start
    for transport in transports:
        transport.abort()
    await asyncio.sleep(0)


async def ask(port: int, name: str = "www.example.com.", **options) -> Result:
    qtype = QTYPE.reverse.get(options.pop("qtype", "A"), 65280)
    result = await check(DnsMonitor("web", port, qname=from_text(name), qtype=qtype, **options), "127.0.0.1")
    assert result.ok == (not result.reason)
    assert len(result.detail) <= 80
    return result


def replying(query: bytes, *texts: str) -> bytes:
    """A good answer to a query, with records of A."""
    reply = DNSRecord.parse(query).reply(aa=1, ra=0)
    for text in texts:
        reply.add_answer(*RR.fromZone(f"www.example.com. 60 A {text}"))
    return bytes(reply.pack())


@pytest.mark.parametrize(
    ("name", "qtype", "answer"),
    [
        ("www.example.com.", "A", ()),
        ("www.example.com.", "A", ("192.0.2.2",)),
        ("WWW.Example.com.", "A", ("192.0.2.2", "192.0.2.1")),
        ("www.example.com.", "AAAA", ("2001:db8::1",)),
        ("example.com.", "MX", ("10 mail.example.com.",)),
        ("example.com.", "SOA", ("ns1.example.com. admin.example.com. 7 3600 600 604800 30",)),
        ("alias.example.com.", "A", ("www.example.com.", "192.0.2.1")),
        ("text.example.com.", "TXT", ('"Two words" "more"',)),
        ("www.example.com.", "NS", ()),  # no data
    ],
)
async def test_good_answers_of_a_real_server(server: int, name: str, qtype: str, answer: tuple[str, ...]) -> None:
    assert str(await ask(server, name, qtype=qtype, answer=answer)) == ""


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("gone.example.com.", {}, "dns: NXDOMAIN, expected NOERROR"),
        ("www.example.org.", {}, "dns: REFUSED, expected NOERROR"),
        ("www.example.com.", {"rcode": 3}, "dns: NOERROR, expected NXDOMAIN"),
        ("gone.example.com.", {"rcode": 3}, ""),
        ("www.example.com.", {"answer": ("192.0.2.1", "192.0.2.3")}, "dns: 2 records, 192.0.2.3 not among them"),
        ("www.example.com.", {"qtype": "NS", "answer": ("a.",)}, "dns: no records, not a."),
        ("text.example.com.", {"qtype": "TXT", "answer": ('"two words"',)}, None),
    ],
)
async def test_wrong_answers_of_a_real_server(server: int, name: str, options: dict, told: str | None) -> None:
    result = await ask(server, name, **options)
    assert str(result) == (told if told is not None else 'dns: 1 record, "two words" not among them')


async def test_a_truncated_answer_is_asked_for_over_tcp(server: int) -> None:
    monitor = DnsMonitor("web", server, qname=from_text("long.example.com."), qtype=16, answer=(f'"009{"x" * 200}"',))
    result, stages = await traced(check, monitor, "127.0.0.1")
    told = {stage.name: stage.text for stage in stages}
    assert result.ok
    assert list(told) == ["connected", "truncated", "answer", "records"]
    assert told["connected"] == f"127.0.0.1 port {server}, UDP"
    assert told["answer"] == "NOERROR, 10 records"


async def test_expectations_of_the_configuration_hold_with_a_real_server(server: int, tmp_path: Path) -> None:
    asked = {
        "a": "{type: dns, name: service.example.com, qtype: HTTPS, answer: 1 . alpn=h2}",
        "b": r"{type: dns, name: odd.example.com, qtype: type65280, answer: '\# 3 414243'}",
        "c": "{type: dns, name: www.example.com, qtype: aaaa, answer: '2001:DB8:0::1'}",
        "d": "{type: dns, name: alias.example.com, answer: [WWW.example.com., 192.0.2.1]}",
        "e": "{type: dns, name: gone.example.com, rcode: nxdomain}",
        "f": "{type: dns, name: text.example.com, qtype: TXT, answer: '\"Two words\" more'}",
    }
    monitors = "\n".join(f"{name}: {text[:-1]}, port: {server}}}" for name, text in asked.items())
    pool = POOL.replace("[web]", f"[{', '.join(asked)}]")
    config = Folder(tmp_path).load(monitors=monitors, pools=pool)
    results = {name: str(await check(config.monitors[name], "127.0.0.1")) for name in asked}
    assert results == dict.fromkeys(asked, "")


@pytest.mark.parametrize("recursion", [False, True])
async def test_what_is_asked(listen: Listen, recursion: bool) -> None:
    heard: list[DNSRecord] = []

    def answer(query: bytes) -> list[bytes]:
        heard.append(DNSRecord.parse(query))
        return [replying(query)]

    port = await listen(answer)
    for _ in range(3):
        assert (await ask(port, recursion=recursion)).ok
    assert {(str(record.q.qname), record.q.qtype, record.header.rd) for record in heard} == {
        ("www.example.com.", 1, int(recursion))
    }
    assert len({record.header.id for record in heard}) > 1
    assert {len(record.ar) for record in heard} == {0}


async def test_a_tarpit_ends_at_the_deadline(listen: Listen) -> None:
    result = await ask(await listen(lambda _: []), timeout=0.2)
    assert (result.reason, result.detail) == ("timeout", "waiting for the answer, within 0.2 s")
    assert 0.19 < result.latency < 0.6


STRANGE: dict[str, Callable[[bytes], bytes]] = {
    "wrong id": lambda query: bytes((query[0] ^ 1,)) + replying(query)[1:],
    "wrong name": lambda query: replying(query).replace(b"\3www", b"\3wwx", 1),
    "wrong type": lambda query: replying(query)[:30] + b"\0\x1c" + replying(query)[32:],
    "the query": lambda query: query,
    "a notify": lambda query: query[:2] + b"\xa0\0" + query[4:],
    "two questions": lambda query: query[:2] + b"\x80\0\0\2" + query[6:] + query[12:],
    "no question": lambda query: query[:2] + b"\x80\0" + bytes(8),
    "a short one": lambda query: query[:2] + b"\x80",
    "one octet": lambda query: query[:1],
    "garbage": lambda _: b"\xff" * 500,
}


@pytest.mark.parametrize("strange", STRANGE)
async def test_what_is_no_answer_is_ignored(listen: Listen, strange: str) -> None:
    port = await listen(lambda query: [STRANGE[strange](query)] * 2)
    result = await ask(port, timeout=0.1)
    told = "waiting for the answer, 2 other datagrams came, within 0.1 s"
    assert (result.reason, result.detail) == ("timeout", told)
    port = await listen(lambda query: [STRANGE[strange](query), replying(query, "192.0.2.1"), b"late"])
    assert (await ask(port, answer=("192.0.2.1",))).ok


async def test_datagrams_of_others_do_not_reach_the_probe(listen: Listen) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        sources: list[bytes] = []
        port = await listen(lambda query: sources.append(query) or [])
        probe = asyncio.create_task(ask(port, timeout=0.2))
        while not sources:
            await asyncio.sleep(0.005)
        remote = f"0100007F:{port:04X}"
        lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()]
        (local,) = (line[1] for line in lines if line[2] == remote)
        other.sendto(replying(sources[0]), ("127.0.0.1", int(local.partition(":")[2], 16)))
        result = await probe
    assert (result.reason, result.detail) == ("timeout", "waiting for the answer, within 0.2 s")


async def test_a_refusal_may_leave_the_question_out(listen: Listen) -> None:
    result = await ask(await listen(lambda query: [query[:2] + b"\x80\1" + bytes(8)]))
    assert (result.reason, result.detail) == ("dns", "FORMERR, expected NOERROR")


@pytest.mark.parametrize(
    "tail",
    [
        b"",  # announced, and not there
        b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\2",  # an address of two octets
        b"\1a\xc0\x21\0\1\0\1\0\0\0\1\0\4\1\2\3\4",  # a name that goes on at its own beginning
        b"\xc0\x21" * 200,  # a pointer to itself
        b"\x3f" * 3000,
        b"\xff" * 3000,
    ],
)
async def test_broken_answers(listen: Listen, tail: bytes) -> None:
    port = await listen(lambda query: [query[:2] + b"\x80\0\0\1\0\1\0\0\0\0" + query[12:] + tail])
    result = await ask(port)
    assert (result.reason, result.detail) == ("protocol", "answer cannot be taken apart")


async def test_too_many_records(listen: Listen) -> None:
    port = await listen(lambda query: [query[:2] + b"\x80\0\0\1\xff\xff\0\0\0\0" + query[12:]])
    result = await ask(port)
    assert (result.reason, result.detail) == ("protocol", f"65535 records, at most {MAX_RECORDS} are read")


async def test_an_answer_made_to_keep_the_reader_busy(serve, both) -> None:
    """Names of many labels, each record's a pointer to the longest of a chain of pointers."""

    def heavy(query: bytes) -> bytes:
        count = MAX_RECORDS
        body = bytearray(query[:2] + b"\x80\0" + struct.pack("!4H", 1, count, 0, 0) + query[12:])
        body += b"\1a" * 100 + b"\0\0\1\0\1\0\0\0\1\0\4\1\2\3\4"
        at = len(query)
        for _ in range(count - 1):
            pointer, here = struct.pack("!H", 0xC000 | at), len(body)
            body += pointer + b"\0\1\0\1\0\0\0\1\0\4\1\2\3\4"
            at = here
        return bytes(body)

    port = await both(heavy)
    result = await ask(port)
    assert result.reason == "protocol"  # the chain is longer than a name can be
    assert result.latency < 0.5


@pytest.fixture
async def both(serve, free_port) -> AsyncIterator[Callable[[Callable[[bytes], bytes]], Awaitable[int]]]:
    """`await both(answer)` is a port that truncates every answer over UDP and sends `answer(query)` over TCP."""
    started: list[asyncio.DatagramTransport | asyncio.Server] = []

    class Truncating(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:
            self._transport = transport

        def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
            self._transport.sendto(data[:2] + b"\x82\0" + data[4:], source)

    async def start(answer: Callable[[bytes], bytes] | None) -> int:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            size = int.from_bytes(await reader.readexactly(2), "big")
            reply = answer(await reader.readexactly(size)) if answer else b""
            writer.write((len(reply).to_bytes(2, "big") + reply) if reply else b"\0\x40short")
            await writer.drain()
            writer.close()

        port = free_port()
        loop = asyncio.get_running_loop()
        started.append(await asyncio.start_server(handle, "127.0.0.1", port))
        started.append((await loop.create_datagram_endpoint(Truncating, local_addr=("127.0.0.1", port)))[0])
        return port

    yield start
    for item in started:
        item.close()
    await asyncio.sleep(0.01)


async def test_over_tcp_too_the_answer_must_be_one_to_the_query(both) -> None:
    result = await ask(await both(STRANGE["wrong id"]))
    assert (result.reason, result.detail) == ("protocol", "what came over TCP is no answer to the query")


async def test_a_connection_that_ends_early(both) -> None:
    result = await ask(await both(None))
    assert (result.reason, result.detail) == ("protocol", "TCP connection closed without a whole answer")


async def test_truncated_and_nobody_on_tcp(listen: Listen) -> None:
    result = await ask(await listen(lambda query: [query[:2] + b"\x82\0" + query[4:]]))
    assert result.reason == "refused"


async def test_no_connection_over_tcp_is_told_apart_from_no_answer(listen: Listen, full_port: int) -> None:
    await listen(lambda query: [query[:2] + b"\x82\0" + query[4:]], port=full_port)
    result = await ask(full_port, timeout=0.2)
    assert (result.reason, result.detail) == (
        "timeout",
        "answer over UDP truncated, connecting over TCP, within 0.2 s",
    )


async def test_a_tarpit_on_tcp(listen: Listen) -> None:
    with socket.socket() as tarpit:
        port = await listen(lambda query: [query[:2] + b"\x82\0" + query[4:]], port=free_port())
        tarpit.bind(("127.0.0.1", port))
        tarpit.listen()
        result = await ask(port, timeout=0.2)
    told = "answer over UDP truncated, waiting for that over TCP, within 0.2 s"
    assert (result.reason, result.detail) == ("timeout", told)


async def test_refused() -> None:
    result = await ask(free_port())
    assert (result.reason, result.detail) == ("refused", "connection refused")
    assert result.latency < 1.0


async def test_over_ipv6() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as closed:
        try:
            closed.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback")
        port = closed.getsockname()[1]
    assert (await check(DnsMonitor("web", port), "::1")).reason == "refused"


async def test_no_descriptor_is_left(listen: Listen) -> None:
    good, silent = await listen(lambda query: [replying(query)]), await listen(lambda _: [])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for port in (good, silent, 1):
        await ask(port, timeout=0.05)
    await asyncio.sleep(0.01)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_defaults(tmp_path: Path) -> None:
    config = Folder(tmp_path).load(monitors="web: {type: dns, name: www.example.com}", pools=POOL)
    assert config.monitors["web"] == DnsMonitor(name="web", port=53, qname=NAME, qtype=1)


def test_every_key(tmp_path: Path) -> None:
    text = "web: {type: dns, name: ., port: 5353, qtype: mx, rcode: nxdomain, answer: 5 A.Example, recursion: true}"
    config = Folder(tmp_path).load(monitors=text, pools=POOL)
    expected = DnsMonitor("web", 5353, qname=b"\0", qtype=15, rcode=3, answer=("5 a.example.",), recursion=True)
    assert config.monitors["web"] == expected


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("qtype: A", "monitors.web.name: is required"),
        ("name: a..example", "monitors.web.name: name 'a..example' has an empty label"),
        ("name: a, qtype: AA", "monitors.web.qtype: 'AA' is not a record type (for example A, AAAA, MX or TYPE65280)"),
        ("name: a, qtype: ANY", "monitors.web.qtype: 'ANY' is not a type of data (for example A, AAAA, MX or SOA)"),
        ("name: a, qtype: AXFR", "monitors.web.qtype: 'AXFR' is not a type of data"),
        (
            "name: a, rcode: NXDOMIAN",
            "monitors.web.rcode: is not a response code (got 'NXDOMIAN') (did you mean NXDOMAIN",
        ),
        ("name: a, answer: 192.0.2.300", "monitors.web.answer: '192.0.2.300' is not valid A data: "),
        ("name: a, qtype: MX, answer: mail.example.", "monitors.web.answer: 'mail.example.' is not valid MX data"),
        ("name: a, answer: 5", "monitors.web.answer"),
        ("name: a, recursion: 1", "monitors.web.recursion: must be true or false"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, keys: str, problem: str) -> None:
    (found,) = Folder(tmp_path).messages(monitors=f"web: {{type: dns, {keys}}}", pools=POOL)
    assert found.startswith(problem)
