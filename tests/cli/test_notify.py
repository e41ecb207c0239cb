"""`gslb notify test` against a running node."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gslb.cli.main import main


class Hook(BaseHTTPRequestHandler):
    """Answers 500 to /broken, 200 to the rest."""

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def told(node, eventually):
    """Give the node that runs these webhooks; none at the end."""
    file = Path(node.config)
    before = file.read_text()

    def tell(*sinks: str) -> None:
        file.write_text(before + (f"notify: [{', '.join(sinks)}]\n" if sinks else ""))
        assert main(["reload", "--config", node.config]) == 0

    yield tell
    tell()


def test_nobody_to_tell(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "test", "--config", node.config]) == 1
    assert "this node tells nobody" in capsys.readouterr().err


def test_how_each_took_it(node, hook: str, told, capsys: pytest.CaptureFixture[str]) -> None:
    told(f"{{type: slack, url: '{hook}/a'}}", f"{{type: generic, url: '{hook}/broken'}}")
    capsys.readouterr()
    assert main(["notify", "test", "--config", node.config]) == 1
    host = hook.removeprefix("http://")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["slack", host, "arrived"],
        ["generic", host, "did", "not", "arrive:", "HTTP", "500"],
    ]
    told(f"{{type: slack, url: '{hook}/a'}}")
    capsys.readouterr()
    assert main(["notify", "test", "--json", "--config", node.config]) == 0
    assert json.loads(capsys.readouterr().out)["deliveries"] == [{"sink": f"slack {host}", "ok": True, "why": ""}]
