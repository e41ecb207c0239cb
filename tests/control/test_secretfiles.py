"""Files of secrets."""

from pathlib import Path

import pytest

from gslb.control.secretfiles import ensure_cookie_secrets, mark_of, write_secret
from gslb.errors import StateError


def test_cookie_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "cookie-secrets"
    ensure_cookie_secrets(str(path))
    first = path.read_text()
    assert len(bytes.fromhex(first)) == 16
    assert path.stat().st_mode & 0o777 == 0o600
    ensure_cookie_secrets(str(path))
    assert path.read_text() == first


def test_cookie_secrets_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be made"):
        ensure_cookie_secrets(str(tmp_path / "absent" / "cookie-secrets"))


def test_a_mark_changes_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert mark_of(str(path)) is None
    write_secret(path, "one")
    first = mark_of(str(path))
    assert mark_of(str(path)) == first
    write_secret(path, "two")
    assert mark_of(str(path)) not in (None, first)
