"""A test of the webhooks over HTTP, at a node that really runs."""

from tests.webhooks import SECRET, Receiver, receiver, said
from tests.whole_node import Node

__all__ = ["receiver"]


async def test_it_says_how_each_webhook_took_it(stopped_node: Node, receiver: Receiver) -> None:
    (stopped_node.folder / "hook").write_text(receiver.url)
    file = stopped_node.folder / "gslb.yaml"
    sinks = f"[{{type: slack, url_file: hook}}, {{type: alertmanager, url: '{receiver.url.rpartition('/hook')[0]}'}}]"
    file.write_text(f"{file.read_text()}notify: {sinks}\n")
    receiver.answers = [said(500), said(500)]
    await stopped_node.start()
    status, body = await stopped_node.call("POST", "/api/v1/notify:test")
    assert (status, [one["why"] for one in body["deliveries"]]) == (200, ["HTTP 500", "HTTP 500"])
    assert body["deliveries"][0]["sink"] == "slack hook"
    assert SECRET not in str(body)
    receiver.answers = [said(200)]
    status, body = await stopped_node.call("POST", "/api/v1/notify:test")
    assert [one["ok"] for one in body["deliveries"]] == [True, True]


async def test_a_node_that_tells_nobody(node: Node) -> None:
    assert await node.call("POST", "/api/v1/notify:test") == (200, {"deliveries": []})


async def test_it_wants_a_token(node: Node) -> None:
    status, _ = await node.call("POST", "/api/v1/notify:test", headers={"Authorization": "Bearer no"})
    assert status == 401
