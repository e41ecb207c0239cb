import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.dns.name import MAX_NAME, ROOT, from_text, is_within, labels, parent, to_text
from gslb.errors import NameSyntaxError

ORIGIN = b"\7example\3com\0"


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (".", ROOT),
        ("@", ORIGIN),
        ("www", b"\3www" + ORIGIN),
        ("WwW.a", b"\3WwW\1a" + ORIGIN),
        ("www.", b"\3www\0"),
        ("*.a", b"\1*\1a" + ORIGIN),
        ("a\\.b", b"\3a.b" + ORIGIN),
        ("a\\032b", b"\3a b" + ORIGIN),
        ("\\@", b"\1@" + ORIGIN),
        ("\\000\\255.", b"\2\0\xff\0"),
    ],
)
def test_text_to_wire(text: str, wire: bytes) -> None:
    assert from_text(text, ORIGIN) == wire


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty label"),
        ("a..b", "empty label"),
        (".a", "empty label"),
        ("..", "empty label"),
        ("x" * 64, "a label of 64 octets, at most 63"),
        (".".join(["x" * 63] * 4), "octets long, at most 255"),
        ("a b", "must be written as an escape"),
        ("é", "must be written as an escape"),
        ("a\\", "an escape is"),
        ("a\\25", "an escape is"),
        ("a\\256", "an escape is"),
        ("a\\2x5", "an escape is"),
        ("a\\²²²", "an escape is"),
        ("a\\é", "an escape is"),
    ],
)
def test_text_that_is_no_name(text: str, message: str) -> None:
    with pytest.raises(NameSyntaxError, match=message):
        from_text(text, ORIGIN)


def test_the_longest_name_has_255_octets() -> None:
    text = ".".join(["x" * 63] * 3 + ["x" * 61]) + "."
    assert len(from_text(text)) == MAX_NAME
    with pytest.raises(NameSyntaxError):
        from_text("x" + text)


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (ROOT, "."),
        (ORIGIN, "example.com."),
        (b"\4a.b\\\0", "a\\.b\\\\."),
        (b"\3 \0\xff\0", "\\032\\000\\255."),
        (b"\1@\0", "\\@."),
    ],
)
def test_wire_to_text(wire: bytes, text: str) -> None:
    assert to_text(wire) == text


NAMES = st.lists(st.binary(min_size=1, max_size=12), max_size=6).map(
    lambda parts: b"".join(bytes((len(part),)) + part for part in parts) + b"\0"
)


@given(NAMES)
def test_text_and_wire_are_inverse_and_dnspython_agrees(wire: bytes) -> None:
    assert from_text(to_text(wire)) == wire
    assert dns.name.from_wire(wire, 0)[0] == dns.name.from_text(to_text(wire))


@given(st.text(max_size=20))
def test_any_text_is_a_name_or_an_error(text: str) -> None:
    try:
        wire = from_text(text, ORIGIN)
    except NameSyntaxError:
        return
    assert dns.name.from_wire(wire, 0)[1] == len(wire)


def test_labels_and_parent() -> None:
    assert labels(b"\3www" + ORIGIN) == [b"www", b"example", b"com"]
    assert labels(ROOT) == []
    assert parent(b"\3www" + ORIGIN) == ORIGIN
    assert parent(b"\3com\0") == ROOT


@pytest.mark.parametrize(
    ("wire", "within"),
    [
        (ORIGIN, True),
        (b"\1a" + ORIGIN, True),
        (b"\4evil" + b"\7example\3net\0", False),
        (b"\x0bevilexample\3com\0", False),
        (b"\3com\0", False),
        (ROOT, False),
    ],
)
def test_within_goes_by_whole_labels(wire: bytes, within: bool) -> None:
    assert is_within(wire, ORIGIN) is within
    assert is_within(wire, ROOT)
