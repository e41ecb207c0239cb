"""What a token is, and the file of a node's own."""

import re
from pathlib import Path
from typing import Any

import pytest

from gslb.api.tokens import Token, digest, ensure_token, id_of, lifetime, new_secret
from gslb.errors import StateError

TOKEN = Token("ab12cd34", "ci", "drain", 100.0, 200.0, digest("x"), ("tokyo",), (), "node token")


def test_a_token_is_recognised_and_found_by_its_id() -> None:
    identity, secret = new_secret()
    assert re.fullmatch(r"gslb_[0-9a-f]{8}_[0-9a-f]{64}", secret)
    assert id_of(secret) == identity
    assert new_secret() != (identity, secret)


@pytest.mark.parametrize("text", ["", "gslb", "gslb_a", "gslb_a_b_c", "other_a_b", "Bearer"])
def test_what_has_no_id(text: str) -> None:
    assert id_of(text) == ""


def test_the_digest_tells_nothing_of_the_token() -> None:
    secret = new_secret()[1]
    assert len(bytes.fromhex(digest(secret))) == 32
    assert digest(secret) != digest(secret + "0")
    assert not set(re.findall(r"[0-9a-f]{8,}", secret)) & set(re.findall(r"[0-9a-f]{8,}", digest(secret)))
    assert digest("\udce9")  # what came as an octet that is no ASCII


def test_what_is_kept_is_read_back() -> None:
    assert Token.from_dict(TOKEN.to_dict()) == TOKEN


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "everything"},
        {"scope": ["admin"]},
        {"digest": "zz"},
        {"digest": ""},
        {"digest": None},
        {"expires": 100.0},
        {"expires": "never"},
        {"sites": None},
        {"sites": [1]},
        {"name": 5},
        {"nodes": ["only-here"]},
    ],
)
def test_what_is_damaged_or_newer_is_no_token(change: dict[str, Any]) -> None:
    assert Token.from_dict({**TOKEN.to_dict(), **change}) is None
    assert Token.from_dict({}) is None


@pytest.mark.parametrize(("text", "seconds"), [("1h", 3600), ("90d", 90 * 86_400), ("3650d", 3650 * 86_400)])
def test_lifetimes(text: str, seconds: int) -> None:
    assert lifetime(text) == seconds


@pytest.mark.parametrize("text", ["", "0d", "90", "3651d", "99999d", "10m", "d", "-1d", "1d ", 90, None])
def test_lifetimes_that_are_none(text: object) -> None:
    with pytest.raises(ValueError, match="must be a lifetime"):
        lifetime(text)


def test_the_first_start_makes_a_token_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = ensure_token(str(path))
    assert token.startswith("gslb_node_")
    assert len(token) >= 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_token(str(path)) == token
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_a_crash_half_way_leaves_no_token(tmp_path: Path) -> None:
    (tmp_path / "token.new").write_text("half")
    assert ensure_token(str(tmp_path / "token")) != "half"


def test_two_nodes_have_two_tokens(tmp_path: Path) -> None:
    assert ensure_token(str(tmp_path / "a")) != ensure_token(str(tmp_path / "b"))


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"\n", 0o600, "empty"),
        (b"a" * 32, 0o644, "everyone"),
        (b"\xff", 0o600, "read"),
        (b"hunter2", 0o600, "7 characters"),
        (b"a" * 257, 0o600, "257 characters"),
    ],
)
def test_a_bad_token_file_is_refused(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(StateError, match=said) as caught:
        ensure_token(str(path))
    assert str(path) in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read or made"):
        ensure_token(str(tmp_path / "missing" / "token"))
