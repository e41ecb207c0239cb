"""The keys of the node file that say who may ask, how often, and what a node tells of itself."""

from pathlib import Path

import pytest

from gslb.config.load import load_node
from gslb.config.settings import RateLimit
from gslb.errors import ConfigError
from tests.config.test_kinds import GOOD, NODE, written
from tests.loading import load

SECRET = "00112233445566778899aabbccddeeff"


def node(folder: Path, text: str = "") -> str:
    path = folder / "gslb.yaml"
    path.write_text(NODE + text)
    return str(path)


def test_defaults(tmp_path: Path) -> None:
    settings = load_node(node(tmp_path))
    assert (settings.acl_query, settings.acl_whoami) == (("0.0.0.0/0", "::/0"), ())
    assert (settings.rate_limit, settings.version, settings.cookie_secrets) == (None, "", ())
    assert settings.cookie_file == str(tmp_path / "state" / "cookie-secrets")


def test_every_key(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text(f"# current\n{SECRET}\n\n{'f' * 32}  # next\n")
    secrets.chmod(0o600)
    settings = load_node(
        node(
            tmp_path,
            "cookies: {secrets: secrets}\nacl: {query: [10.0.0.0/8], whoami: 192.0.2.1}\n"
            "rate_limit: {rate: 20, burst: 40, slip: 2, dry_run: true}\nchaos: {version: gslb}\n",
        )
    )
    assert settings.cookie_secrets == (bytes.fromhex(SECRET), b"\xff" * 16)
    assert settings.acl_query == ("10.0.0.0/8",)
    assert settings.acl_whoami == ("192.0.2.1/32",)
    assert settings.rate_limit == RateLimit(20, 40, 2, dry_run=True)
    assert settings.version == "gslb"


def test_secrets_come_with_the_whole_configuration_too(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD, "www: {pool: cdn}")
    (tmp_path / "state").mkdir()
    file = tmp_path / "state" / "cookie-secrets"
    file.write_text(SECRET)
    file.chmod(0o600)
    assert load(path).node.cookie_secrets == (bytes.fromhex(SECRET),)


@pytest.mark.parametrize(
    ("text", "mode", "where", "message"),
    [
        ("xyz\n", 0o600, ":1:1", "32 hexadecimal digits"),
        (f"{SECRET}\n{SECRET}00\n", 0o600, ":2:1", "32 hexadecimal digits"),
        ("# nothing\n", 0o600, ":1:1", "has no secret"),
        (SECRET, 0o644, ":1:1", "can be read by others"),
        ("\u00e9\n", 0o600, ":1:1", "cannot be read"),
    ],
)
def test_bad_secrets(tmp_path: Path, text: str, mode: int, where: str, message: str) -> None:
    file = tmp_path / "secrets"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        load_node(node(tmp_path, "cookies: {secrets: secrets}\n"))
    assert any(p.where == f"{file}{where}" and message in p.message for p in caught.value.problems), str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "rate_limit: {rate: 0}",
        "rate_limit: {burst: 0}",
        "rate_limit: {slip: -1}",
        "acl: {query: [300.0.0.0/8]}",
        "chaos: {version: 'a\\u0007'}".replace("'", '"'),
        "cookies: {secret: x}",
    ],
)
def test_bad_keys(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_node(node(tmp_path, text + "\n"))
    assert caught.value.problems[0].where.startswith(f"{tmp_path}/gslb.yaml:5:")
