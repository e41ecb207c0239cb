"""The last site that lives: not drained by mistake, and drained by somebody who means it."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.control.conftest import well
from tests.e2e.control.setting import zone
from tests.e2e.kit import Node, eventually
from tests.e2e.sites import Site

pytestmark = pytest.mark.e2e
WISH = {"target": "site/tokyo", "for": "10m", "reason": "CHG-1042", "owner": "anna"}


@pytest.fixture
def notices() -> Iterator[tuple[str, list[Any]]]:
    """The URL of a web server, and what was posted to it."""
    got: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", got
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def told(make_node: Callable[[], Node], sites: list[Site], notices: tuple[str, list[Any]]) -> Node:
    """A node that tells the web server, after two of three sites have died."""
    notify = f"[{{type: generic, url: '{notices[0]}'}}]"
    node = make_node().write(zone(sites[0].port), workers=1, notify=notify).start().ready()
    eventually(lambda: well(node))
    for site in sites[1:]:
        site.refuse()
    eventually(lambda: node.call("GET", "/api/v1/pools/web").body["live"] == 1, 15)
    return node


def test_the_last_live_site_is_drained_by_who_means_it_alone(told: Node, notices: tuple[str, list[Any]]) -> None:
    judged = told.call("POST", "/api/v1/drains?dry_run=true", WISH)
    refused = told.call("POST", "/api/v1/drains", WISH)
    for answer in (judged, refused):
        assert (answer.status, answer.kind) == (409, "application/problem+json")
        remains = {one["pool"]: (one["live"], one["left"], one["needed"]) for one in answer.body["remains"]}
        assert remains["web"] == (["tokyo"], [], 1), remains
        assert "force" in answer.body["hint"]
    typed = told.verb("drain", "site/tokyo", "--for", "10m", "--reason", "CHG-1042")
    assert typed.returncode == 1
    assert "pool web would keep 0 of 1 live members" in typed.stderr
    assert "--force" in typed.stderr
    assert told.call("GET", "/api/v1/drains").body["drains"] == []
    assert told.call("GET", "/api/v1/audit").body["records"] == []
    assert "override" not in json.dumps(notices[1])

    meant = told.verb("drain", "site/tokyo", "--for", "10m", "--reason", "INC-7: fire", "--force", "--json")
    assert meant.returncode == 0, meant.stderr
    made = json.loads(meant.stdout)
    assert made["overrides"]
    assert "web" in {one["pool"] for one in made["short"]}
    (record,) = told.call("GET", "/api/v1/audit").body["records"]
    assert (record["subject"], record["reason"], record["actor"]) == (made["id"], "INC-7: fire", "node token")
    assert record["after"]["overrides"]
    assert "overrid" in record["action"] or "force" in record["action"], record["action"]
    eventually(lambda: "override" in json.dumps(notices[1]), 20)
    said = json.dumps([notice for notice in notices[1] if "override" in json.dumps(notice)])
    assert "INC-7: fire" in said
    assert "site/tokyo" in said
    print(f"\nrefused: {refused.body['detail']}; recorded: {record['action']}; told: {said[:400]}")
