"""https and svcb of dynamic names."""

from pathlib import Path

import pytest

from gslb.config.model import Service
from gslb.dns.name import from_text
from gslb.errors import ConfigError
from tests.config.test_kinds import written
from tests.loading import load

POOL = "  web: {members: {a: {site: x, addresses: [192.0.2.1]}}}\n"


def services(folder: Path, keys: str) -> tuple[Service, ...]:
    config = load(written(folder, POOL, f"www: {{pool: web, {keys}}}"))
    return config.zones[from_text("gslb.example.com.")].names[0].services


def test_parameters_become_sorted_wire(tmp_path: Path) -> None:
    made = services(tmp_path, "https: {alpn: [h2, h3], port: 8443}, svcb: {priority: 2, target: other}")
    assert made == (
        Service(65, 1, b"\0", ((1, b"\x02h2\x02h3"), (3, b"\x20\xfb"))),
        Service(64, 2, from_text("other.gslb.example.com."), ()),
    )


def test_any_other_parameter_in_text(tmp_path: Path) -> None:
    (made,) = services(tmp_path, "https: {params: 'no-default-alpn alpn=h3 key65280=abc'}")
    assert made.params == ((1, b"\x02h3"), (2, b""), (65280, b"abc"))


def test_no_services(tmp_path: Path) -> None:
    assert services(tmp_path, "ttl: 30") == ()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("https: {params: 'ipv4hint=192.0.2.1'}", "made from the pool's live addresses"),
        ("https: {params: 'nonsense'}", "is not valid HTTPS data"),
        ("https: {target: 'a..b'}", "is not valid HTTPS data"),
        ("https: {priority: 0}", "must be"),
        ("https: {port: 0}", "must be"),
        ("https: {apln: [h2]}", "alpn"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, keys: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        services(tmp_path, keys)
    assert any(message in str(p) and "zone.yaml:11:" in p.where for p in caught.value.problems), str(caught.value)
