"""Queries written octet by octet, and replies held against what they must be.

Queries are raw, since most of them are wrong on purpose; replies are read by dnspython, which is not our code.
`Reply.expect` compares everything: header bits, counts, RCODE, EDNS and every option.
"""

import struct
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x40, 0x20, 0x10
_FLAGS = {"qr": QR, "aa": AA, "tc": TC, "rd": RD, "ra": RA, "z": Z, "ad": AD, "cd": CD}
IN, CH, ANY_CLASS = 1, 3, 255
A, NS, CNAME, SOA, MX, TXT, AAAA, SRV, OPT, DS, RRSIG = 1, 2, 5, 6, 15, 16, 28, 33, 41, 43, 46
HTTPS, IXFR, AXFR, ANY = 65, 251, 252, 255
NSID, ECS, COOKIE, KEEPALIVE, EDE = 3, 8, 10, 11, 15
DO = 0x8000
APEX = "gslb.example.com."
IDENT = 0xBEEF

Options = Sequence[tuple[int, object]]
"""Option codes with their data; `...` stands for any data."""


class UnlikeError(AssertionError):
    """A server did something else than the row says. The text is what it did."""


def require(good: object, what: str) -> None:
    """Raise UnlikeError, saying what the server did, unless it was good."""
    if not good:
        raise UnlikeError(what)


def name(text: str) -> bytes:
    """A wire name, relative to the test zone, in the case in which it is written."""
    return dns.name.from_text(text, dns.name.from_text(APEX)).to_wire()


def question(qname: str | bytes, rtype: int = A, rclass: int = IN) -> bytes:
    """One entry of the question section."""
    return (name(qname) if isinstance(qname, str) else qname) + struct.pack("!HH", rtype, rclass)


def option(code: int, data: bytes) -> bytes:
    """One EDNS option."""
    return struct.pack("!HH", code, len(data)) + data


def opt(rdata: bytes = b"", *, payload: int = 1232, version: int = 0, flags: int = 0, owner: bytes = b"\0") -> bytes:
    """An OPT record (RFC 6891 section 6.1.2)."""
    return owner + struct.pack("!HHBBHH", OPT, payload, 0, version, flags, len(rdata)) + rdata


def record(owner: str, rtype: int, rdata: bytes) -> bytes:
    """Some other record."""
    return name(owner) + struct.pack("!HHIH", rtype, IN, 60, len(rdata)) + rdata


def header(*counts: int, flags: int = 0, opcode: int = 0, ident: int = IDENT) -> bytes:
    """A header with up to four counts."""
    four = (*counts, 0, 0, 0, 0)[:4]
    return struct.pack("!HHHHHH", ident, flags | opcode << 11, *four)


def query(
    qname: str | bytes, rtype: int = A, rclass: int = IN, edns: bytes = b"", *, flags: int = 0, ident: int = IDENT
) -> bytes:
    """An ordinary query, with an OPT record (from `opt`) if one is given."""
    return header(1, 0, 0, bool(edns), flags=flags, ident=ident) + question(qname, rtype, rclass) + edns


def with_options(qname: str, *options: tuple[int, bytes], rtype: int = A, version: int = 0) -> bytes:
    """A query with these EDNS options."""
    return query(qname, rtype, edns=opt(b"".join(option(*pair) for pair in options), version=version))


class Reply:
    """A reply as read by dnspython. `label` says which of a row's stimuli it answers."""

    def __init__(self, wire: bytes, stimulus: bytes, label: str, *, ours: bool) -> None:
        self.wire = wire
        self.stimulus = stimulus
        self.label = label
        self.ours = ours
        try:
            self.message = dns.message.from_wire(wire, one_rr_per_rrset=False)
        except dns.exception.DNSException as error:
            raise UnlikeError(f"{label}: unreadable reply ({error})") from error
        self.flags = int(self.message.flags) & 0x87F0
        self.rcode = dns.rcode.to_text(self.message.rcode())
        self.counts = struct.unpack_from("!HHHH", wire, 4)

    @property
    def answer(self) -> list[dns.rrset.RRset]:
        """The RRsets of the answer section."""
        return self.message.answer

    @property
    def options(self) -> list[tuple[int, bytes]]:
        """The EDNS options as sent."""
        return [(int(item.otype), item.to_wire() or b"") for item in self.message.options]

    def option(self, code: int) -> bytes:
        """The data of an option that must be there once."""
        found = [data for other, data in self.options if other == code]
        require(len(found) == 1, f"{self.label}: option {code} {len(found)} times in {self}")
        return found[0]

    def __str__(self) -> str:
        flags = " ".join(text for text, bit in _FLAGS.items() if self.flags & bit)
        edns = ""
        if self.message.edns >= 0:
            options = ",".join(str(code) for code, _ in self.options)
            edns = f" OPT{f'({options})' if options else ''}"
        return f"{self.rcode} {flags} {'/'.join(map(str, self.counts))}{edns}"

    def expect(
        self,
        rcode: str,
        flags: str,
        counts: str,
        options: Options | None = None,
        *,
        do: bool = False,
        free: str = "",
    ) -> "Reply":
        """Hold all of it against what it must be. `options` None: no OPT record.

        `free` names parts ("flags counts options") that RFCs leave open: ours is held to them, a peer is not. Nor is it
        held to our payload size, or to keepalive only where it was asked for (RFC 7828 section 3.3.2 lets it).
        """
        open_parts = () if self.ours else free.split()
        self._expect_frame()
        require(self.rcode == rcode, f"{self.label}: {self}")
        wanted = sum(_FLAGS[text] for text in flags.split())
        require("flags" in open_parts or self.flags == wanted, f"{self.label}: {self}")
        found = "/".join(map(str, self.counts))
        require("counts" in open_parts or found == counts, f"{self.label}: {self}")
        if "options" not in open_parts:
            self._expect_edns(options, do=do)
        return self

    def _expect_frame(self) -> None:
        """Id and opcode are copied, and the question octet by octet."""
        require(self.wire[:2] == self.stimulus[:2], f"{self.label}: another id")
        require((self.wire[2] ^ self.stimulus[2]) & 0x78 == 0, f"{self.label}: another opcode")
        if self.counts[0]:
            require(self.stimulus[4:6] != b"\0\0", f"{self.label}: a question that was not asked")
            end = _question_end(self.stimulus)
            require(self.wire[12:end] == self.stimulus[12:end], f"{self.label}: another question")

    def _expect_edns(self, options: Options | None, *, do: bool) -> None:
        message = self.message
        if options is None:
            require(message.edns < 0, f"{self.label}: OPT where none was sent: {self}")
            return
        require(message.edns == 0, f"{self.label}: no OPT of version 0: {self}")
        require(message.ednsflags & 0xFFFF == do * DO, f"{self.label}: EDNS flags {message.ednsflags & 0xFFFF:#x}")
        require(message.payload == 1232 or not self.ours, f"{self.label}: payload {message.payload}")
        unasked = () if self.ours or any(code == KEEPALIVE for code, _ in options) else (KEEPALIVE,)
        found = [(code, data) for code, data in self.options if code not in unasked]
        good = len(found) == len(options) and all(
            code == wanted and (data in (..., sent))
            for (code, sent), (wanted, data) in zip(found, options, strict=True)
        )
        require(good, f"{self.label}: {self}")


def _question_end(wire: bytes) -> int:
    at = 12
    while wire[at]:
        at += 1 + wire[at]
    return at + 5


def texts(reply: Reply) -> list[str]:
    """The answer section: "TYPE rdata" of each record, in the order of the reply."""
    return [f"{dns.rdatatype.to_text(rrset.rdtype)} {item.to_text()}" for rrset in reply.answer for item in rrset]


def ede(code: int, text: str = "") -> tuple[int, bytes]:
    """An Extended DNS Error as an option."""
    return EDE, struct.pack("!H", code) + text.encode()
