"""`gslb report` against a running node."""

import json

import pytest

from gslb.cli import report as verb
from gslb.cli.main import main


def test_members_by_default(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--config", node.config]) == 0
    title, headers, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("members over the 24h until 20")
    assert headers.split()[:4] == ["pool", "member", "site", "availability"]
    assert [line.split()[:6] for line in lines] == [
        ["web", "tokyo", "tokyo", "100.000", "%", "0"],
        ["web", "osaka", "osaka", "100.000", "%", "0"],
    ]


@pytest.mark.parametrize(("by", "names"), [("pool", ["web"]), ("site", ["tokyo", "osaka"])])
def test_pools_and_sites(node, by: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--by", by, "--span", "30d", "--config", node.config]) == 0
    title, _, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith(f"{by}s over the 30d")
    assert [line.split()[0] for line in lines] == names


def test_json(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--json", "--span", "7d", "--config", node.config]) == 0
    view = json.loads(capsys.readouterr().out)
    assert (view["by"], view["span"]) == ("member", "7d")
    assert [row["observed"]["failures"] for row in view["rows"]] == [0, 0]


@pytest.mark.parametrize("options", [["--by", "country"], ["--span", "1y"]])
def test_misuse(options: list[str]) -> None:
    assert main(["report", *options]) == 2


def test_figures_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    seen = {"up": 86380, "down": 15, "unknown": 5, "failures": 1, "mtbf": 86380, "mttr": 15, "availability": 0.99999999}
    served = {"availability": None}
    verb._show(
        {"at": 0, "by": "site", "span": "24h", "rows": [{"site": "tokyo", "observed": seen, "effective": served}]}
    )
    (*_, line) = capsys.readouterr().out.splitlines()
    assert line.split() == ["tokyo", "99.999", "%", "1", "24h", "15s", "24h", "15s", "5s", "-"]
    verb._show({"at": 0, "by": "site", "span": "24h", "rows": []})
    assert capsys.readouterr().out == "nothing is recorded yet\n"
