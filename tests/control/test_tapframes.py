"""The bytes of dnstap, against the field numbers of dnstap.proto; tests/control/test_tap.py asks the real readers."""

import pytest

from gslb.context import TCP, UDP
from gslb.control.tapframes import CONTENT_TYPE, READY, START, STOP, accepts, control_frame, data_frames, identity
from gslb.server.tap import QUERY, RESPONSE, Copy


def fields(wire: bytes) -> dict[int, int | bytes]:
    """A protocol buffer's fields by number."""
    found: dict[int, int | bytes] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            value |= (wire[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if wire[at - 1] < 0x80:
                return value

    while at < len(wire):
        number, kind = divmod(varint(), 8)
        assert number not in found
        if kind == 0:
            found[number] = varint()
        elif kind == 2:
            length = varint()
            found[number] = wire[at : at + length]
            at += length
        else:
            assert kind == 5
            found[number] = int.from_bytes(wire[at : at + 4], "little")
            at += 4
    return found


def test_a_response() -> None:
    copy = Copy(RESPONSE, UDP, bytes((192, 0, 2, 1)), 1_800_000_000.25, 1_800_000_000.5, bytes(300))
    frame = data_frames(identity("tokyo-1", "gslb 1"), [copy])
    assert int.from_bytes(frame[:4]) == len(frame) - 4
    outer = fields(frame[4:])
    assert {key: outer[key] for key in (1, 2, 15)} == {1: b"tokyo-1", 2: b"gslb 1", 15: 1}
    assert isinstance(outer[14], bytes)
    assert fields(outer[14]) == {
        1: 2,  # AUTH_RESPONSE
        2: 1,  # INET
        3: 1,  # UDP
        4: bytes((192, 0, 2, 1)),
        8: 1_800_000_000,
        9: 250_000_000,
        12: 1_800_000_000,
        13: 500_000_000,
        14: bytes(300),
    }


def test_a_query_by_tcp_and_ipv6() -> None:
    copy = Copy(QUERY, TCP, bytes(range(16)), 1.0, 0.0, b"q")
    outer = fields(data_frames(b"", [copy])[4:])
    assert outer.keys() == {14, 15}
    assert isinstance(outer[14], bytes)
    assert fields(outer[14]) == {1: 1, 2: 2, 3: 2, 4: bytes(range(16)), 8: 1, 9: 0, 10: b"q"}


def test_control_frames() -> None:
    assert control_frame(STOP) == bytes.fromhex("00000000 00000004 00000003")
    ready = control_frame(READY, content=True)
    assert ready == bytes.fromhex("00000000 00000022 00000004 00000001 00000016") + CONTENT_TYPE
    assert control_frame(START, content=True)[8:12] == START.to_bytes(4)


@pytest.mark.parametrize(
    ("body", "fine"),
    [
        (bytes.fromhex("00000001"), True),
        (bytes.fromhex("00000001 00000001 00000016") + CONTENT_TYPE, True),
        (bytes.fromhex("00000001 00000001 00000001") + b"x" + bytes.fromhex("00000001 00000016") + CONTENT_TYPE, True),
        (bytes.fromhex("00000001 00000009 00000001") + b"x", True),
        (bytes.fromhex("00000001 00000001 00000001") + b"x", False),
        (bytes.fromhex("00000002"), False),
        (b"", False),
    ],
)
def test_what_a_reader_accepts(body: bytes, fine: bool) -> None:
    assert accepts(body) is fine
