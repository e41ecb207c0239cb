"""The TLS of the API in the node file."""

from pathlib import Path

import pytest

from gslb.config import apifile
from gslb.config.load import load_node
from gslb.config.settings import ApiTls
from gslb.errors import ConfigError

NODE = """\
node: {name: n1, site: tokyo}
zones: zones/
state: state/
listen:
  dns: ["127.0.0.1:5300"]
"""


def node(folder: Path, text: str) -> str:
    (folder / "gslb.yaml").write_text(NODE + text)
    return str(folder / "gslb.yaml")


def test_the_files_are_named_from_the_folder_of_the_node_file(tmp_path: Path) -> None:
    for name in ("a.crt", "a.key", "ca.pem"):
        (tmp_path / name).touch()
    path = node(tmp_path, "  api: '127.0.0.1:1'\n  api_tls: {cert: a.crt, key: a.key, client_ca: ca.pem}\n")
    assert load_node(path).api_tls == ApiTls(*(f"{tmp_path}/{name}" for name in ("a.crt", "a.key", "ca.pem")))
    assert load_node(node(tmp_path, "  api: '127.0.0.1:1'\n")).api_tls is None


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "  api: '127.0.0.1:1'\n  api_tls:\n    cert: no.crt\n    key: no.key\n    client_ca: .\n",
            [
                "8:11: listen.api_tls.cert: there is no file {folder}/no.crt",
                "9:10: listen.api_tls.key: there is no file {folder}/no.key",
                "10:16: listen.api_tls.client_ca: there is no file {folder}",
            ],
        ),
        ("  api: '127.0.0.1:1'\n  api_tls: {cert: gslb.yaml}\n", ["7:3: listen.api_tls.key: is required"]),
        (
            "  api_tls: {cert: gslb.yaml, key: gslb.yaml}\n",
            ["6:3: listen.api_tls: needs `api`: there is no API to be reached by TLS"],
        ),
    ],
)
def test_problems_have_their_place(tmp_path: Path, text: str, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_node(node(tmp_path, text))
    wanted = [f"{tmp_path}/gslb.yaml:{problem.format(folder=tmp_path)}" for problem in problems]
    assert [str(problem) for problem in caught.value.problems] == wanted


def test_who_may_not_look_is_not_told_that_a_file_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(type(tmp_path)):
        """The tests may run as root, who may look everywhere."""

        def is_file(self) -> bool:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(apifile, "Path", Closed)
    path = node(tmp_path, "  api: '127.0.0.1:1'\n  api_tls: {cert: a, key: b}\n")
    assert load_node(path).api_tls == ApiTls(f"{tmp_path}/a", f"{tmp_path}/b")
