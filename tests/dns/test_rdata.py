import dns.message
import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.dns.name import from_text
from gslb.dns.rdata import reason, to_wire, type_number, type_text
from gslb.errors import RdataError

ORIGIN = from_text("example.com.")


@pytest.mark.parametrize(
    ("text", "number"), [("A", 1), ("aaaa", 28), ("HTTPS", 65), ("TYPE1", 1), ("TYPE65280", 65280)]
)
def test_type_numbers(text: str, number: int) -> None:
    assert type_number(text) == number


@pytest.mark.parametrize("text", ["", "B", "TYPE", "TYPE65536", "1", "A A"])
def test_text_that_is_no_type(text: str) -> None:
    with pytest.raises(RdataError, match="is not a record type"):
        type_number(text)


@pytest.mark.parametrize(("number", "text"), [(1, "A"), (65, "HTTPS"), (65280, "TYPE65280")])
def test_type_texts(number: int, text: str) -> None:
    assert type_text(number) == text


@pytest.mark.parametrize(
    ("rtype", "text", "wire"),
    [
        (1, "192.0.2.1", b"\xc0\0\2\1"),
        (28, "2001:db8::1", b"\x20\x01\x0d\xb8" + b"\0" * 11 + b"\1"),
        (5, "WWW", b"\3WWW\7example\3com\0"),
        (5, "www.example.net.", b"\3www\7example\3net\0"),
        (15, "10 @", b"\0\x0a\7example\3com\0"),
        (16, '"a b" c', b"\3a b\1c"),
        (16, "a b; c", b"\6a b; c"),
        (16, "", b"\0"),
        (16, "é\n", b"\3\xc3\xa9\n"),
        (16, "x" * 256, b"\xff" + b"x" * 255 + b"\1x"),
        (99, "v=spf1 -all", b"\x0bv=spf1 -all"),
        (65, "1 . alpn=h2", b"\0\1\0" + b"\0\1\0\3\2h2"),
        (65280, "\\# 2 ABCD", b"\xab\xcd"),
        (257, '0 issue "ca.example.net; x=1"', b"\0\5issueca.example.net; x=1"),
    ],
)
def test_wire(rtype: int, text: str, wire: bytes) -> None:
    assert to_wire(rtype, text, ORIGIN) == wire


@pytest.mark.parametrize(
    ("rtype", "text", "message"),
    [
        (1, "192.0.2.256", "'192.0.2.256' is not valid A data"),
        (1, "", "is not valid A data"),
        (1, "192.0.2.1 x", "is not valid A data"),
        (1, "192.0.2.1\n192.0.2.2", "more than one line"),
        (1, "192.0.2.1 ; x", "a comment or an open quote"),
        (16, '"open', "a comment or an open quote"),
        (5, "a..b", "is not valid CNAME data"),
        (5, "x" * 64, "is not valid CNAME data"),
        (15, "mail", "is not valid MX data"),
        (65280, "x", "is not valid TYPE65280 data"),
        (43, "1 13 2 zz", "is not valid DS data"),
    ],
)
def test_data_that_is_wrong(rtype: int, text: str, message: str) -> None:
    with pytest.raises(RdataError, match=message):
        to_wire(rtype, text, ORIGIN)


def test_reasons_have_no_class_names_and_positions() -> None:
    assert (
        reason(ValueError("f:1: caught exception <class 'dns.name.LabelTooLong'>: A label is long"))
        == "A label is long"
    )
    assert reason(ValueError(":12: bad")) == "bad"
    assert reason(ValueError()) == "syntax error"


@given(st.sampled_from([1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 43, 44, 52, 64, 65, 257, 65280]), st.text(max_size=40))
def test_any_text_gives_wire_that_reads_back_or_an_error(rtype: int, text: str) -> None:
    try:
        wire = to_wire(rtype, text, ORIGIN)
    except RdataError:
        return
    dns.rdata.from_wire(1, rtype, wire, 0, len(wire))
