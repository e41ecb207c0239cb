"""dnstap messages in frame streams, as bytes: protocol buffers and control frames of the few kinds that are sent.

dnstap.proto of dnstap.info gives the fields; a frame is its length in four octets and the data, and a control frame an
escape of four zero octets before its own length (Frame Streams, farsightsec.github.io/fstrm).
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final

from gslb.context import TCP
from gslb.server.tap import RESPONSE, Copy

CONTENT_TYPE: Final = b"protobuf:dnstap.Dnstap"
ACCEPT, START, STOP, READY, FINISH = range(1, 6)
ESCAPE: Final = bytes(4)
LONGEST_CONTROL: Final = 512  # octets of a control frame
_AUTH_QUERY, _AUTH_RESPONSE = 1, 2
_CONTENT_FIELD: Final = 1
_PAIR: Final = Struct(">II")
_FIXED32: Final = Struct("<I")
_NANO: Final = 1_000_000_000
# Of every AUTH_QUERY and AUTH_RESPONSE: type, socket_family (INET, INET6) and socket_protocol (UDP, TCP)
_HEADS: Final = {
    (response, width, tcp): bytes((0x08, 2 if response else 1, 0x10, family, 0x18, 2 if tcp else 1, 0x22, width))
    for response in (False, True)
    for width, family in ((4, 1), (16, 2))
    for tcp in (False, True)
}


def control_frame(kind: int, *, content: bool = False) -> bytes:
    """A control frame, with the content type where the handshake wants it."""
    body = kind.to_bytes(4)
    if content:
        body += _PAIR.pack(_CONTENT_FIELD, len(CONTENT_TYPE)) + CONTENT_TYPE
    return ESCAPE + len(body).to_bytes(4) + body


def accepts(body: bytes) -> bool:
    """Whether a control frame from the reader is an ACCEPT that names our content, or any."""
    if int.from_bytes(body[:4]) != ACCEPT:
        return False
    named, at = [], 4
    while at + _PAIR.size <= len(body):
        field, length = _PAIR.unpack_from(body, at)
        at += _PAIR.size + length
        if field == _CONTENT_FIELD:
            named.append(body[at - length : at])
    return not named or CONTENT_TYPE in named


def identity(name: str, version: str) -> bytes:
    """The fields of a Dnstap message that say who sends it."""
    return _octets(0x0A, name.encode()) + _octets(0x12, version.encode())


def data_frames(who: bytes, copies: Iterable[Copy]) -> bytes:
    """A data frame for each copy. `who` is what `identity` made."""
    frames: list[bytes] = []
    for copy in copies:
        message = _message(copy)
        body = b"".join((who, b"\x72", _varint(len(message)), message, b"\x78\x01"))
        frames += (len(body).to_bytes(4), body)
    return b"".join(frames)


def _message(copy: Copy) -> bytes:
    response = copy.kind == RESPONSE
    head = _HEADS[response, len(copy.source), copy.transport == TCP]
    parts = [head, copy.source, _moment(0x40, 0x4D, copy.asked)]
    if response:
        parts.append(_moment(0x60, 0x6D, copy.answered))
    parts += (b"\x72" if response else b"\x52", _varint(len(copy.message)), copy.message)
    return b"".join(parts)


def _moment(seconds: int, nanoseconds: int, at: float) -> bytes:
    whole = int(at)
    part = int((at - whole) * _NANO)
    return bytes((seconds,)) + _varint(whole) + bytes((nanoseconds,)) + _FIXED32.pack(part)


def _octets(tag: int, value: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits an octet, the lowest first (protobuf.dev, Base 128 Varints)."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
