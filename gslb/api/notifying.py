"""Handler: a test of the webhooks; with what it answers, and its part of the table of routes."""

from typing import Any, Final

from gslb.api.call import Call, NoQuery, Reply, Route
from gslb.api.fields import Shape


class Delivery(Shape):
    """How one webhook took it; `sink` is its kind and host, `why` says what went wrong."""

    sink: str
    ok: bool
    why: str


class Deliveries(Shape):
    """One for each entry of `notify` in the node file."""

    deliveries: list[Delivery]


async def test(call: Call[NoQuery, None]) -> Reply:
    """Send a test to every webhook of this node, once."""
    found = await call.node.notifier.test()
    return Reply({"deliveries": [{"sink": one.sink, "ok": one.ok, "why": one.why} for one in found]})


ROUTES: Final[tuple[Route[Any, Any], ...]] = (
    Route("POST", "/api/v1/notify:test", test, "admin", "Send a test to every webhook", Deliveries, NoQuery),
)
