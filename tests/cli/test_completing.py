"""Live names for shells."""

import socket
import time
from pathlib import Path

import click
import pytest

from gslb.cli import completing

PARAMETER = click.Argument(["target"])


def context(**options: object) -> click.Context:
    found = click.Context(click.Command("drain"))
    found.params = options
    return found


@pytest.mark.parametrize(
    ("incomplete", "names"),
    [
        ("site/", ["site/osaka", "site/tokyo"]),
        ("s", ["site/osaka", "site/tokyo"]),
        ("site/t", ["site/tokyo"]),
        ("pool/", ["pool/web"]),
        ("member/web/o", ["member/web/osaka"]),
        ("x", []),
    ],
)
def test_targets_of_a_running_node(incomplete: str, names: list[str], node) -> None:
    assert completing.targets(context(config=node.config), PARAMETER, incomplete) == names


def test_everything_where_nothing_stands_yet(node) -> None:
    found = completing.targets(context(config=node.config), PARAMETER, "")
    assert found == ["member/web/osaka", "member/web/tokyo", "pool/web", "site/osaka", "site/tokyo"]


def test_names_and_drains(node, ask) -> None:
    names = completing.names_of("/api/v1/members", "members", "pool", "name")
    assert names(context(config=node.config), PARAMETER, "web/o") == ["web/osaka"]
    assert ask("drain", "site/osaka", "--reason", "x")[0] == 0
    identity, target = completing.current("drain", "hold")(context(config=node.config), PARAMETER, "")
    assert (identity.startswith("d-"), target) == (True, "site/osaka")
    assert ask("undrain", identity)[0] == 0


def test_silence_where_no_node_answers(tmp_path: Path, capfd, free_port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSLB_TOKEN", "x")
    for options in ({"config": str(tmp_path / "none")}, {"api": (f"http://127.0.0.1:{free_port()}",)}, {"api": ("x",)}):
        assert completing.targets(context(**options), PARAMETER, "site/") == []
    assert capfd.readouterr() == ("", "")


def test_a_node_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSLB_TOKEN", "x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()
        api = (f"http://127.0.0.1:{server.getsockname()[1]}",)
        assert completing.targets(context(api=api), PARAMETER, "site/") == []
        assert time.monotonic() - begun < 2 * completing.SECONDS
