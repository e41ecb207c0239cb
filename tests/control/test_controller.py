"""The straight line at work: a real node whose sites break, whose configuration changes, and which restarts."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import dns.rcode
import pytest

from gslb.control.intents import Wish
from gslb.intents import Target
from gslb.store.audit import Actor
from tests.control.lone_controller import controlled
from tests.whole_node import SITES, Node

DRAIN = {"target": "site/osaka", "for": "10m", "reason": "test"}


@asynccontextmanager
async def tarpit(node: Node, *names: str) -> AsyncIterator[None]:
    """Probes of these sites hang: the monitor waits for words that never come."""
    released = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    node.write_zones(
        node.zones.replace("interval: 100ms, timeout: 100ms", "expect: hello, interval: 30s, timeout: 20s")
    )
    servers = []
    for name in names:
        await node.sites[name].break_()
        servers.append(await asyncio.start_server(hang, SITES[name], node.site_port))
    try:
        yield
    finally:
        await node.stop()
        released.set()
        for server in servers:
            server.close()
            await server.wait_closed()


async def status(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = (await node.call("GET", "/api/v1/status"))[1]
    return found


def set_node(node: Node, line: str) -> None:
    file = Path(node.path)
    file.write_text(file.read_text() + line + "\n")


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


async def test_a_site_breaks_and_returns(node: Node) -> None:
    began = time.monotonic()
    await node.sites["tokyo"].break_()
    await node.until_served("osaka")
    assert time.monotonic() - began < 2 * 0.1 + 0.01 + 0.1 + 0.5 + 0.3  # the bound of semantics section 7, and asking
    await node.sites["tokyo"].mend()
    await node.until_served("tokyo", "osaka")


def expect_the_worst(node: Node) -> None:
    """All may be lost at once, and a reference, the node's own port, tells that the node itself is not cut off."""
    node.write_zones(node.zones.replace("    members:", "    max_loss: 100%\n    members:", 1))
    file = Path(node.path)
    text = file.read_text()
    place = text.partition('dns: ["')[2].partition('"')[0]
    file.write_text(text.replace("[127.0.0.0/8]", f"[127.0.0.0/8], references: ['{place}']"))


async def test_with_every_site_broken_all_are_served(stopped_node: Node) -> None:
    node = stopped_node
    expect_the_worst(node)
    await node.start()
    await node.until_served("tokyo", "osaka")
    for site in node.sites.values():
        await site.break_()

    async def all_down() -> bool:
        return (await status(node))["pools"][0]["live"] == 0

    await node.until(all_down)
    assert await node.served() == {"tokyo", "osaka"}


async def test_without_a_reference_a_node_to_which_all_seem_dead_believes_itself_blind(node: Node) -> None:
    await node.until_served("tokyo", "osaka")
    await node.sites["tokyo"].break_()
    await node.until_served("osaka")
    await node.sites["osaka"].break_()

    async def blind() -> bool:
        return bool((await status(node))["probers"][0]["blind"])

    await node.until(blind)
    await asyncio.sleep(0.5)
    assert await node.served() == {"osaka"}
    (monitor,) = (await status(node))["pools"][0]["members"][1]["addresses"][0]["monitors"]
    assert (monitor["verdict"], monitor["quorum"], monitor["votes"]) == ("up", False, [])


async def test_what_waits_for_an_operator_waits_across_a_restart(stopped_node: Node) -> None:
    node = stopped_node
    node.write_zones(node.zones.replace("    members:", "    failback: manual\n    members:", 1))
    await node.start()
    await node.until_served("tokyo", "osaka")
    await node.sites["tokyo"].break_()
    await node.until_served("osaka")
    await node.sites["tokyo"].mend()

    async def observed() -> bool:
        return (await status(node))["pools"][0]["members"][0]["addresses"][0]["observed"] == "up"

    await node.until(observed)
    await asyncio.sleep(0.2)  # the snapshot is on its way to the disk
    await node.stop()
    await node.start()
    await node.until(observed)
    for _ in range(3):
        assert await node.served() == {"osaka"}
    steps = (await status(node))["pools"][0]["members"][0]["addresses"][0]["steps"]
    assert [step["step"] for step in steps] == ["observed", "failback"]
    assert await node.call("POST", "/api/v1/resume", {"target": "site/tokyo"}) == (200, {"resumed": ["web/tokyo"]})
    await node.until_served("tokyo", "osaka")


async def test_what_is_held_is_held_across_a_restart(stopped_node: Node) -> None:
    node = stopped_node
    node.write_zones(node.zones.replace("    members:", "    damping: false\n    members:", 1))
    await node.start()
    await node.until_served("tokyo", "osaka")
    hold = {"target": "site/tokyo", "for": "10m", "reason": "test"}
    assert (await node.call("POST", "/api/v1/holds", hold))[0] == 201
    await node.sites["tokyo"].break_()

    async def observed() -> bool:
        return (await status(node))["pools"][0]["members"][0]["addresses"][0]["observed"] == "down"

    await node.until(observed)
    await asyncio.sleep(0.2)  # the snapshot is on its way to the disk
    await node.stop()
    await node.start()
    await node.until(observed)
    for _ in range(3):
        assert await node.served() == {"tokyo", "osaka"}


async def test_until_the_first_round_is_done_names_are_not_ready(stopped_node: Node) -> None:
    node = stopped_node
    set_node(node, "startup_wait: 700ms")
    async with tarpit(node, "tokyo", "osaka"):
        await node.start()
        began = time.monotonic()

        async def answered() -> bool:
            return (await node.ask("www", "A")).rcode() != dns.rcode.REFUSED

        await node.until(answered)
        early = await node.ask()
        assert early.rcode() == dns.rcode.SERVFAIL
        assert [option.code for option in early.options if option.otype == 15] == [14]
        assert (await node.ask("ns1")).answer
        assert await node.call("GET", "/readyz") == (200, {"serving": True, "fresh": False})
        await node.until_served("tokyo", "osaka")
        assert 0.5 < time.monotonic() - began < 2
        state = (await status(node))["pools"][0]["members"][0]["addresses"][0]
        assert (state["observed"], state["effective"]) == ("unknown", "up")


async def test_who_drains_before_the_first_round_is_done_waits_for_it(stopped_node: Node) -> None:
    node = stopped_node
    set_node(node, "startup_wait: 700ms")
    async with tarpit(node, "tokyo", "osaka"):
        await node.start()
        drains = (node.call("POST", "/api/v1/drains", {**DRAIN, "target": f"site/{site}"}) for site in SITES)
        assert sorted([status for status, _ in await asyncio.gather(*drains)]) == [201, 409]


async def test_a_drain_that_this_node_does_not_know_of_yet_is_not_acknowledged(
    stopped_node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with controlled(stopped_node) as controller:
        before = controller.store.held()
        wish = Wish("drain", Target.parse("site/osaka"), "test", expires=time.time() + 60, override=True)
        kept = (await controller.intents.add(wish, Actor("ops"))).intent
        assert await controller.everywhere(kept)
        monkeypatch.setattr(controller.store, "held", lambda: before)  # the store tells late
        assert not await controller.everywhere(kept)


async def test_after_a_restart_what_was_down_stays_down_until_it_has_risen(node: Node) -> None:
    node.write_zones(node.zones.replace("rise: 2", "rise: 1000"))
    hang_up()
    await node.sites["tokyo"].break_()
    await node.until_served("osaka")
    await asyncio.sleep(0.1)  # the snapshot is on its way to the disk
    await node.stop()
    await node.sites["tokyo"].mend()
    await node.start()
    assert (await node.ask()).answer
    for _ in range(3):
        assert await node.served() == {"osaka"}


async def test_belief_that_is_too_old_is_not_believed_but_what_was_down_stays_out_until_somebody_looked(
    node: Node,
) -> None:
    await node.sites["tokyo"].break_()
    await node.until_served("osaka")
    await node.stop()
    set_node(node, "max_state_age: 0s\nstartup_wait: 700ms")
    async with tarpit(node, "tokyo", "osaka"):
        await node.start()
        assert await node.served() == {"osaka"}
        assert (await node.call("GET", "/api/v1/explain?name=www.gslb.example.com"))[0] == 503
        assert not (await node.call("GET", "/readyz"))[1]["fresh"]

        async def fresh() -> bool:
            return bool((await node.call("GET", "/readyz"))[1]["fresh"])

        await node.until(fresh)
        for _ in range(3):
            assert await node.served() == {"osaka"}
    await node.sites["osaka"].mend()
    await node.sites["tokyo"].mend()
    node.write_zones(
        node.zones.replace("expect: hello, interval: 30s, timeout: 20s", "interval: 100ms, timeout: 100ms")
    )
    await node.start()
    await node.until_served("tokyo", "osaka")


async def test_a_damaged_health_snapshot_is_ignored(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    await node.stop()
    with closing(sqlite3.connect(node.folder / "state" / "gslb.sqlite", isolation_level=None)) as other:
        other.execute("REPLACE INTO health VALUES (1, 1.0, '{')")
    await node.start()
    await node.until_served("tokyo", "osaka")
    assert "cannot be understood" in caplog.text


async def test_a_folder_that_is_gone_delays_publishing_only(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    state, aside = node.folder / "state", node.folder / "aside"
    token = {"Authorization": f"Bearer {node.token}"}
    state.rename(aside)
    code, made = await node.call("POST", "/api/v1/drains", DRAIN, headers=token)
    assert (code, made["acknowledged"]) == (201, False)
    assert await node.served() == {"tokyo", "osaka"}
    assert "publishing failed" in caplog.text
    aside.rename(state)
    await node.until_served("tokyo")


async def test_a_store_that_cannot_be_written_is_told_and_changes_nothing(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(node.folder / "state" / "gslb.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await node.sites["tokyo"].break_()
        code, problem = await node.call("POST", "/api/v1/drains", DRAIN)
        assert (code, problem["title"]) == (503, "Store unavailable")
        assert await node.served() == {"osaka"}

        async def told() -> bool:
            return "health snapshot not saved" in caplog.text

        await node.until(told)
    assert (await node.call("GET", "/api/v1/drains?all=true"))[1]["drains"] == []


async def test_many_changes_are_published_together(node: Node) -> None:
    before = (await status(node))["generation"]
    targets = ["site/osaka", "member/web/osaka", "pool/web", "site/tokyo", "member/web/tokyo"]
    await asyncio.gather(*(node.call("POST", "/api/v1/drains", {**DRAIN, "target": target}) for target in targets))
    assert (await status(node))["generation"] - before <= 3


async def test_nothing_is_published_while_nothing_changes(node: Node) -> None:
    before = (await status(node))["generation"]
    await asyncio.sleep(0.3)
    assert (await status(node))["generation"] == before
