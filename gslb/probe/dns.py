"""The `dns` monitor: one query over UDP, again over TCP where the answer is truncated (RFC 1035 sections 4.1 and 4.2).

What is no answer to the query is ignored on UDP, where anybody can send it, and a failure on TCP.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeVar

from dnslib import QTYPE, RCODE, RD, RDMAP, RR, DNSBuffer, DNSHeader, DNSLabel, DNSQuestion, DNSRecord
from pydantic import BeforeValidator, Field

from gslb.config.document import suggestion
from gslb.config.model import Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import MonitorShape, Port, listed
from gslb.dns.message import CNAME, OPT
from gslb.dns.name import ROOT, from_text, labels
from gslb.dns.rdata import to_wire, type_number
from gslb.errors import NameSyntaxError, RdataError
from gslb.probe.exchange import Progress, conclude
from gslb.probe.result import ProbeError, Result
from gslb.probe.trace import peer_text, tracing

MAX_RECORDS: Final = 500  # of an answer section; more are not taken apart
_HEADER: Final = 12  # octets
_TRUNCATED: Final = 0x02  # in the third octet
_ADDRESSES: Final = (1, 28)  # A, AAAA
_META: Final = range(128, 256)  # RFC 6895 section 3.1: AXFR, ANY and others that are no data
_RCODES: Final[dict[str, int]] = RCODE.reverse
_STEPS: Final = 255  # labels and pointers of one name
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DnsMonitor(Monitor):
    """A query, and what must come back. `answer` is data as `_text` writes it; each must be among the answers."""

    kind: ClassVar[str] = "dns"

    qname: bytes = ROOT  # wire name
    qtype: int = 1
    rcode: int = 0
    answer: tuple[str, ...] = ()
    recursion: bool = False


class DnsShape(MonitorShape):
    port: Port = 53
    name: str
    qtype: str = "A"
    rcode: str = "NOERROR"
    answer: Annotated[list[str], BeforeValidator(listed), Field(max_length=100)] = []
    recursion: bool = False


def build(common: Common, shape: DnsShape, source: Source) -> DnsMonitor:
    """See gslb.config.monitors.Kind."""
    qtype = _noting(source, "qtype", partial(_asked_type, shape.qtype)) or 0
    qname = _noting(source, "name", partial(from_text, shape.name))
    rcode = _RCODES.get(shape.rcode.upper())
    if rcode is None:
        path = (*source.path, "rcode")
        source.findings.problem(path, f"is not a response code (got {shape.rcode!r})", suggestion(shape.rcode, _RCODES))
    found = [_noting(source, "answer", partial(_expected, qtype, text)) for text in shape.answer if qtype]
    return DnsMonitor(
        port=shape.port,
        qname=qname or ROOT,
        qtype=qtype,
        rcode=rcode or 0,
        answer=tuple(text for text in found if text is not None),
        recursion=shape.recursion,
        **common._asdict(),
    )


def _noting(source: Source, key: str, make: Callable[[], T]) -> T | None:
    try:
        return make()
    except (NameSyntaxError, RdataError) as error:
        source.findings.problem((*source.path, key), error.message, error.hint)
        return None


def _asked_type(text: str) -> int:
    number = type_number(text)
    if number in _META or number in (0, OPT):
        raise RdataError(f"{text!r} is not a type of data", hint="for example A, AAAA, MX or SOA")
    return number


def _expected(qtype: int, text: str) -> str:
    """Data of the type that is asked for; with addresses also the absolute name that an alias leads to."""
    try:
        return _canonical(qtype, text)
    except RdataError:
        if qtype not in _ADDRESSES or not text.endswith("."):
            raise
        return _canonical(CNAME, text)


def _canonical(rtype: int, text: str) -> str:
    wire = to_wire(rtype, text, ROOT)
    return _text(RDMAP.get(QTYPE.get(rtype), RD).parse(_Octets(wire), len(wire)))


def _text(rdata: Any) -> str:
    """Data of a record as in a master file; names in it, and all else but quoted text, in small letters."""
    text = str(rdata.toZone())
    return text if '"' in text else text.lower()


async def check(monitor: DnsMonitor, address: str) -> Result:
    """Probe one address (canonical text). Raises OSError only where this machine cannot make the probe."""

    async def ask(progress: Progress) -> None:
        query = _query(monitor)
        reply = await _by_udp(query, (address, monitor.port), progress)
        if reply[2] & _TRUNCATED:
            if trace := tracing():
                trace.note("truncated", "asking again over TCP")
            progress.stage = "answer over UDP truncated, connecting over TCP"
            reply = await _by_tcp(query, (address, monitor.port), progress)
        _judge(monitor, reply)

    return await conclude(ask, monitor.timeout)


class _Query(NamedTuple):
    """A query in its wire form; it has one question and nothing after it."""

    wire: bytes

    def is_answered_by(self, reply: bytes) -> bool:
        """Whether it has our id and our question. A server that refuses a query may leave the question out."""
        if len(reply) < _HEADER or reply[:2] != self.wire[:2] or reply[2] & 0xF8 != 0x80:
            return False
        if reply[4:6] == bytes(2):
            return bool(reply[3] & 15)
        asked, repeated = self.wire[_HEADER:], reply[_HEADER : len(self.wire)]
        same = asked[:-4].lower() == repeated[:-4].lower() and asked[-4:] == repeated[-4:]
        return reply[4:6] == self.wire[4:6] and same


def _query(monitor: DnsMonitor) -> _Query:
    header = DNSHeader(id=secrets.randbelow(1 << 16), bitmap=0, rd=int(monitor.recursion))
    question = DNSQuestion(DNSLabel(labels(monitor.qname)), monitor.qtype)
    return _Query(bytes(DNSRecord(header, q=question).pack()))


class _Inbox(asyncio.DatagramProtocol):
    """Waits for the answer to a query and counts what else comes."""

    def __init__(self, query: _Query, progress: Progress) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._query = query
        self._progress = progress
        self._others = 0

    def datagram_received(self, data: bytes, _: object) -> None:
        if self.answer.done():
            return
        if self._query.is_answered_by(data):
            self.answer.set_result(data)
        else:
            self._others += 1
            self._progress.stage = f"waiting for the answer, {self._others} other datagrams came"

    def error_received(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


async def _by_udp(query: _Query, peer: tuple[str, int], progress: Progress) -> bytes:
    # Connected: the kernel keeps out what comes from other addresses, and tells when the port is closed.
    transport, inbox = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Inbox(query, progress), remote_addr=peer
    )
    try:
        if trace := tracing():
            trace.note("connected", f"{peer_text(transport.get_extra_info('peername'))}, UDP")
        progress.stage = "waiting for the answer"
        transport.sendto(query.wire)
        return await inbox.answer
    finally:
        transport.abort()


async def _by_tcp(query: _Query, peer: tuple[str, int], progress: Progress) -> bytes:
    reader, writer = await asyncio.open_connection(*peer)
    try:
        progress.stage = "answer over UDP truncated, waiting for that over TCP"
        writer.write(len(query.wire).to_bytes(2, "big") + query.wire)
        size = int.from_bytes(await reader.readexactly(2), "big")
        reply = await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise ProbeError("protocol", "TCP connection closed without a whole answer") from error
    finally:
        writer.transport.abort()
    if not query.is_answered_by(reply):
        raise ProbeError("protocol", "what came over TCP is no answer to the query")
    return reply


def _judge(monitor: DnsMonitor, reply: bytes) -> None:
    """Raises ProbeError where the answer is not the one expected."""
    rcode = _rcode_text(reply[3] & 15)
    texts = _answers(reply)
    if trace := tracing():
        trace.note("answer", f"{rcode}, {_counted(texts)}")
        trace.note("records", "; ".join(texts))
    if reply[3] & 15 != monitor.rcode:
        raise ProbeError("dns", f"{rcode}, expected {_rcode_text(monitor.rcode)}")
    for text in monitor.answer:
        if text not in texts:
            raise ProbeError("dns", f"{_counted(texts)}, {text} not among them" if texts else f"no records, not {text}")


def _rcode_text(rcode: int) -> str:
    return str(RCODE.forward.get(rcode, f"RCODE{rcode}"))


def _counted(texts: list[str]) -> str:
    return f"{len(texts)} record{'s' * (len(texts) != 1)}"


def _answers(reply: bytes) -> list[str]:
    """The data of each record of the answer section. The other sections are not looked at."""
    octets = _Octets(reply)
    try:
        header = DNSHeader.parse(octets)
        if header.a > MAX_RECORDS:
            raise ProbeError("protocol", f"{header.a} records, at most {MAX_RECORDS} are read")
        for _ in range(header.q):
            DNSQuestion.parse(octets)
        return [_text(RR.parse(octets).rdata) for _ in range(header.a)]
    except ProbeError:
        raise
    except Exception as error:  # dnslib lets those of struct, of text and of indexes through
        raise ProbeError("protocol", "answer cannot be taken apart") from error


class _Octets(DNSBuffer):  # type: ignore[misc]  # dnslib has no types
    """A message to take apart. Names cost no more than their size: dnslib's own reader can be kept busy for minutes."""

    offset: int

    def decode_name(self, _: int = -1) -> DNSLabel:
        """The name at the offset, which is moved behind it (RFC 1035 section 4.1.4)."""
        found: list[bytes] = []
        at: int = self.offset
        behind = 0
        for _step in range(_STEPS):
            length = self.data[at]
            if length >= 0xC0:
                behind = behind or at + 2
                at = (length & 0x3F) << 8 | self.data[at + 1]
            elif length:
                found.append(bytes(self.data[at + 1 : at + 1 + length]))
                at += 1 + length
            else:
                self.offset = behind or at + 1
                return DNSLabel(found)
        raise ValueError("a name without an end")


KIND = Kind(DnsShape, build, check)
