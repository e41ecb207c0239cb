from collections.abc import Callable

import pytest

Check = Callable[[str], list[str]]


def chain(length: int) -> str:
    """a1 leads over `length` CNAMEs to b.net."""
    return "".join(f"a{n} CNAME a{n + 1}\n" for n in range(1, length)) + f"a{length} CNAME b.net.\n"


@pytest.mark.parametrize(
    "text",
    [
        "a CNAME www",
        "a CNAME b\nb CNAME c.net.",
        "a CNAME nowhere",
        "*.w CNAME a\na CNAME b.net.",
        "a CNAME x.sub\nsub NS b.net.",
        "a CNAME sub\nsub NS b.net.",
        chain(16),
    ],
)
def test_what_is_fine(zone_messages: Check, text: str) -> None:
    assert zone_messages(text) == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("@ CNAME b.net.", ["the top of a zone cannot be a CNAME: SOA and NS stand there"]),
        ("a CNAME b.net.\na TXT x", ["a.example.com. is a CNAME and has other data too (RFC 1034 section 3.6.2)"]),
        ("www CNAME b.net.", ["www.example.com. is a CNAME and has other data too (RFC 1034 section 3.6.2)"]),
        ("a CNAME b.net.\na CNAME c.net.", ["a.example.com. has more than one CNAME"]),
        ("a CNAME A", ["the CNAME a.example.com. leads in a loop through a.example.com."]),
        (
            "a CNAME b\nb CNAME a",
            [
                "the CNAME a.example.com. leads in a loop through a.example.com.",
                "the CNAME b.example.com. leads in a loop through b.example.com.",
            ],
        ),
        ("*.w CNAME x.w", ["the CNAME *.w.example.com. leads in a loop through x.w.example.com."]),
        (chain(17), ["the CNAME a1.example.com. leads over more than 16 CNAMEs"]),
    ],
)
def test_what_is_wrong(zone_messages: Check, text: str, faults: list[str]) -> None:
    assert zone_messages(text) == faults
