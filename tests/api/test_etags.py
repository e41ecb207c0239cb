"""Entity tags."""

import pytest

from gslb.api.etags import fresh, known, require, tag_of, wanted
from gslb.errors import InvalidError, PreconditionError


def test_a_tag_tells_version_and_contents() -> None:
    tag = tag_of("text", "3")
    assert tag.startswith('"3.')
    assert tag == tag_of(b"text", "3") != tag_of("other", "3")
    assert "." not in tag_of("text")


def test_conditions() -> None:
    assert wanted(None) is None
    assert wanted(" * ") == {"*"}
    assert wanted('"a", W/"b"') == {"a", "b"}
    assert wanted('"a,b"') == {"a,b"}
    for bad in ("a", '"a', '"a" "b"', "", '"a",'):
        with pytest.raises(InvalidError):
            wanted(bad)


def test_what_the_client_has() -> None:
    tag = tag_of("text", "3")
    assert fresh(wanted(f"W/{tag}"), tag)
    assert fresh(wanted("*"), tag)
    assert not fresh(wanted('"3.other"'), tag)
    assert not fresh(None, tag)
    assert fresh(known(tag), tag)
    assert known("nonsense") is None


def test_what_the_client_saw() -> None:
    for good in (None, "*", tag_of("whatever", "3"), f'"x", {tag_of("", "3")}'):
        require(wanted(good), "3", "it")
    for bad in (tag_of("", "2"), '"3"'):
        with pytest.raises(PreconditionError, match="it has changed"):
            require(wanted(bad), "3", "it")
