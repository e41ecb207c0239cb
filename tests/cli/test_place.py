"""Where the API is: read quickly, and as the whole checker reads it."""

import subprocess
import sys
from pathlib import Path

import pytest

from gslb.cli.place import Place, find_place
from gslb.errors import ConfigError, RequestError

NODE = """\
node: {name: n, site: s}
listen:
  dns: ["127.0.0.1:5300"]
  api: "0.0.0.0:8053"
zones: zones/
state: state/
"""


def written(folder: Path, text: str) -> str:
    path = folder / "gslb.yaml"
    path.write_text(text)
    return str(path)


def test_address_and_token_of_a_plain_file(tmp_path: Path) -> None:
    assert find_place(written(tmp_path, NODE)) == Place("127.0.0.1", 8053, str(tmp_path / "state/token"))


def test_the_certificate_of_the_node(tmp_path: Path) -> None:
    found = find_place(written(tmp_path, NODE.replace("zones:", "  api_tls: {cert: c.pem, key: k.pem}\nzones:")))
    assert found.cert == str(tmp_path / "c.pem")


def test_any_ipv6_address_is_reached_at_loopback(tmp_path: Path) -> None:
    assert find_place(written(tmp_path, NODE.replace("0.0.0.0:", "[::]:"))).host == "::1"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("state: state/", "state: state/\nstate: other/", "twice"),
        ('"0.0.0.0:8053"', "8053", "must be"),
        ("zones: zones/", "zones: &a zones/", "anchors"),
        ("node:", "node: [", "flow sequence"),
        ("state: state/\n", "", "state"),
        ("zones: zones/", "zones: zones/\n---\nx: 1", "second document"),
    ],
)
def test_what_is_wrong_is_told_by_the_checker(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        find_place(written(tmp_path, NODE.replace(old, new)))


def test_a_file_that_is_not_there_and_one_without_an_api(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        find_place(str(tmp_path / "none.yaml"))
    with pytest.raises(RequestError, match=r"no listen\.api"):
        find_place(written(tmp_path, NODE.replace('  api: "0.0.0.0:8053"\n', "")))


def test_nothing_slow_is_loaded_for_it(tmp_path: Path) -> None:
    code = (
        f"import sys; from gslb.cli.place import find_place; find_place({written(tmp_path, NODE)!r});"
        "print([m for m in ('pydantic', 'asyncio', 'gslb.config.load', 'gslb.config.model') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
