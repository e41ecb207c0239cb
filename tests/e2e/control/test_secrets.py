"""No token is written down anywhere but in its own file, whoever sends it, wherever."""

import http.client
import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from gslb.api.routes import ROUTES
from gslb.api.spec import plain_path
from tests.e2e.control.wire import exchange, head, post
from tests.e2e.kit import Node

pytestmark = pytest.mark.e2e
DRAIN = {"target": "site/osaka", "for": "10m", "reason": "test"}


def made(node: Node, scope: str, name: str = "") -> tuple[str, str]:
    """Id and whole of a new token."""
    answer = node.call("POST", "/api/v1/tokens", {"name": name or f"for-{scope}", "scope": scope, "for": "1h"})
    assert answer.status == 201, answer
    return answer.body["id"], answer.body["token"]


def ask(node: Node, method: str, path: str, token: str, body: object = None) -> str:
    """Everything that comes back, headers included."""
    connection = http.client.HTTPConnection("127.0.0.1", node.api, timeout=10)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return f"{response.status} {response.headers}\n{response.read().decode(errors='replace')}"
    finally:
        connection.close()


def everywhere_right(node: Node, token: str) -> list[str]:
    """What a node says to a token where tokens belong."""
    said = []
    for route in ROUTES:
        path = plain_path(route.path)
        if route.method == "GET":
            said.append(ask(node, "GET", path.replace("{", "").replace("}", ""), token))
    said.append(ask(node, "POST", "/api/v1/drains", token, DRAIN))
    said.append(ask(node, "POST", "/api/v1/push/told/127.0.0.11", token, {"up": True}))
    said.append(ask(node, "POST", "/api/v1/config:reload", token, {}))
    return said


def everywhere_wrong(node: Node, token: str, other: str) -> list[str]:
    """What a node says to a token where none belongs; `other` is the one that is shown."""
    in_bodies = [
        {**DRAIN, "reason": f"with {token}"},
        {**DRAIN, "owner": token},
        {**DRAIN, "target": f"site/{token}"},
        {**DRAIN, "for": token},
        {**DRAIN, token: 1},
        {token: token},
        [token],
        token,
    ]
    said = [ask(node, "POST", "/api/v1/drains", other, body) for body in in_bodies]
    said += [ask(node, "POST", "/api/v1/tokens", other, {"name": token, "scope": token, "sites": [token]})]
    said += [ask(node, "POST", "/api/v1/config:plan", other, {"files": {"a.yaml": f"{token}: {token}"}})]
    said += [ask(node, "POST", "/api/v1/config:plan", other, {"files": {f"{token}/../a": "x"}})]
    said += [ask(node, "POST", "/api/v1/push/told/127.0.0.11", other, {"up": True, "detail": token})]
    said += [ask(node, "POST", "/api/v1/config:reload", other, {"digest": token, "reason": token})]
    said += [ask(node, "POST", f"/api/v1/nodes/test:withdraw?{token}", other, {"reason": token})]
    for path in (f"/api/v1/{token}", f"/{token}", f"/api/v1/drains/{token}", f"/api/v1/push/told/{token}"):
        said += [ask(node, method, path, other) for method in ("GET", "POST", "DELETE", "PUT")]
    for query in (f"token={token}", f"{token}=1", f"access_token={token}", f"target=site/{token}", f"cursor={token}"):
        said += [ask(node, "GET", f"/api/v1/drains?{query}", other), ask(node, "GET", f"/metrics?{query}", "")]
    said += [ask(node, "DELETE", f"/api/v1/drains/d-1?reason={quote(token)}", other)]
    said += [ask(node, "GET", f"/api/v1/explain?name={token[:60]}.&if=site/{token}=up&client={token}", other)]
    raw = [
        head("GET", "/api/v1/drains", "").replace(b"Bearer ", b"Basic " + token.encode()),
        head("GET", "/api/v1/drains", "").replace(b"Bearer ", token.encode()),
        head("GET", "/api/v1/drains", other, f"If-Match: {token}", f"If-None-Match: {token}", f"X-Request-Id: {token}"),
        post("/api/v1/drains", other, f'{{"target": "{token}'.encode()),
        f"GET / HTTP/1.1\r\nAuthorization Bearer {token}\r\n\r\n".encode(),
        f"{token}\r\n\r\n".encode(),
        f"POST /{token} HTTP/9.9\r\n\r\n".encode(),
    ]
    return said + [exchange(node.api, [one]).text for one in raw]


def pieces(node: Node) -> dict[str, bytes]:
    """What is on disk and in the process list, by where it is; the token's own file is left out."""
    found = {str(path): path.read_bytes() for path in node.folder.rglob("*") if path.is_file()}
    del found[str(node.state / "token")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found[f"{process}/cmdline"] = (process / "cmdline").read_bytes()
        except OSError:
            continue
    for process in node.everyone():
        found[f"environment of {process.pid}"] = Path(f"/proc/{process.pid}/environ").read_bytes()
    return found


def test_no_token_is_anywhere_but_in_its_file(node: Node, tmp_path: Path) -> None:
    (_, reader), (_, pusher), (_, drainer), (_, admin) = (made(node, s) for s in ("read", "push", "drain", "admin"))
    identity, revoked = made(node, "admin", "revoked")
    assert node.call("DELETE", f"/api/v1/tokens/{identity}?reason=test").status == 200
    own, wrong = (node.state / "token").read_text().strip(), f"gslb_0badc0de_{'5ec2e7' * 10}beef"
    tokens = [own, reader, pusher, drainer, admin, revoked, wrong]
    said = []
    for token in tokens:
        said += everywhere_right(node, token)
        said += everywhere_wrong(node, token, admin)
        if token in (own, wrong):
            said += everywhere_wrong(node, token, token)
    file = tmp_path / "token"
    file.write_text(admin)
    file.chmod(0o600)
    for words in (
        ("status",),
        ("audit", "--export"),
        ("token", "list", "--json"),
        ("drain", f"site/{admin}", "--reason", "x"),
    ):
        done = node.verb(*words, "--token-file", str(file))
        said.append(done.stdout + done.stderr)
    copy = tmp_path / "copy"
    shutil.copytree(node.state, copy)
    found = {**pieces(node), **{f"answer {at}: {text[:60]}": text.encode() for at, text in enumerate(said)}}
    secrets = [token.rpartition("_")[2].encode() for token in tokens]
    leaks = [place for place, text in found.items() for secret in secrets if secret[:24] in text]
    octets = sum(map(len, found.values()))
    print(
        f"\n{len(tokens)} tokens in {len(said)} answers, {len(found)} places, {octets / 1e6:.1f} MB: {len(leaks)} leaks"
    )
    for place in leaks[:20]:
        at = next(found[place].find(secret[:24]) for secret in secrets if secret[:24] in found[place])
        print("LEAK", place, found[place][max(0, at - 150) : at + 10])
    assert not leaks
    assert any(b"Traceback" not in text for text in found.values())
    assert "Traceback" not in node.log(), node.log()[-3000:]
