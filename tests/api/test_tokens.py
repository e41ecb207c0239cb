"""The token file and its check."""

from pathlib import Path

import pytest

from gslb.api.tokens import ensure_token, require_token
from gslb.errors import StateError, UnauthorizedError


def test_the_first_start_makes_a_token_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = ensure_token(str(path))
    assert len(token) >= 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_token(str(path)) == token
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_a_crash_half_way_leaves_no_token(tmp_path: Path) -> None:
    (tmp_path / "token.new").write_text("half")
    assert ensure_token(str(tmp_path / "token")) != "half"


def test_two_nodes_have_two_tokens(tmp_path: Path) -> None:
    assert ensure_token(str(tmp_path / "a")) != ensure_token(str(tmp_path / "b"))


@pytest.mark.parametrize(
    ("content", "mode", "said"), [(b"\n", 0o600, "empty"), (b"abc", 0o644, "everyone"), (b"\xff", 0o600, "read")]
)
def test_a_bad_token_file_is_refused(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(StateError, match=said) as caught:
        ensure_token(str(path))
    assert str(path) in caught.value.message


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read or made"):
        ensure_token(str(tmp_path / "missing" / "token"))


def test_the_right_token_passes() -> None:
    require_token("Bearer s3cret", "s3cret")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer s3cre",
        "Bearer s3cret2",
        "bearer s3cret",
        "Basic s3cret",
        "s3cret",
        "Bearer \u00e9",
    ],
)
def test_everything_else_does_not(header: str) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        require_token(header, "s3cret")
    assert "s3cret" not in caught.value.message + caught.value.hint
