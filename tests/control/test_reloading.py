"""Reloads: all or nothing, refused where they take away too much, on trial, confirmed, rolled back; over restarts."""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gslb.control import reloading as module
from gslb.control.pushes import Push
from gslb.control.reloading import LONGEST_TRIAL
from gslb.errors import ConfigError, ConflictError, NotFoundError, PreconditionError, RequestError, StateError
from gslb.store.audit import Actor
from gslb.store.auditpages import AuditWanted
from tests.control.lone_controller import controlled
from tests.whole_node import Node

ANN = Actor("ann", "192.0.2.1")
PUSH = Push(ANN, "CHG-1")


async def status(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = (await node.call("GET", "/api/v1/status"))[1]
    return found


def set_node(node: Node, line: str) -> None:
    file = Path(node.path)
    file.write_text(file.read_text() + line + "\n")


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


async def test_reload(node: Node) -> None:
    digest = (await status(node))["config"]["digest"]
    node.write_zones(node.zones.replace("ttl: 30", "ttl: 45") + "      more: {pool: web}\n")
    hang_up()

    async def reloaded() -> bool:
        return (await node.ask()).answer[0].ttl == 45

    await node.until(reloaded)
    assert (await node.ask("more")).answer
    found = (await status(node))["config"]
    assert found["digest"] != digest
    assert found["names"] == 2


async def test_a_reload_of_weights_alone_takes_effect(node: Node) -> None:
    node.write_zones(node.zones.replace("weight: 40", "weight: 0"))
    hang_up()
    await node.until_served("tokyo")


async def test_a_bad_configuration_changes_nothing_and_is_told(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    before, good = await status(node), node.zones
    node.write_zones(good.replace("weight: 60", "weight: -1").replace("fall: 2", "fall: 0"))
    hang_up()

    async def refused() -> bool:
        return len((await status(node))["config"]["problems"]) == 2

    await node.until(refused)
    assert "zones/test.yaml:11:" in caplog.text
    assert (await status(node))["config"]["digest"] == before["config"]["digest"]
    assert (await status(node))["generation"] == before["generation"]
    assert await node.served() == {"tokyo", "osaka"}
    node.write_zones(good)
    hang_up()

    async def accepted() -> bool:
        return not (await status(node))["config"]["problems"]

    await node.until(accepted)


async def test_a_bad_location_database_is_told(node: Node) -> None:
    set_node(node, "geo: {databases: [missing.mmdb]}")
    hang_up()

    async def refused() -> bool:
        return "missing.mmdb" in "".join((await status(node))["config"]["problems"])

    await node.until(refused)
    assert await node.served() == {"tokyo", "osaka"}


async def test_what_is_fixed_at_the_start_is_told(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    text = (node.folder / "gslb.yaml").read_text()
    (node.folder / "gslb.yaml").write_text(text.replace("workers: 0", "workers: 2"))
    hang_up()

    async def told() -> bool:
        return "'workers' in the node file takes effect at the next start" in caplog.text

    await node.until(told)


async def test_a_reload_waits_for_verdicts_of_new_targets(node: Node) -> None:
    """A name whose pool is new is served by its health from the first answer on, and the old ones go on meanwhile."""
    await node.sites["osaka"].break_()
    await node.until_served("tokyo")
    members = "{o: {site: osaka, addresses: [127.0.0.12]}, t: {site: tokyo, addresses: [127.0.0.11]}}"
    pool = f"  new: {{monitors: [again], members: {members}}}\n"
    text = node.zones.replace("zones:\n", pool + "zones:\n") + "      new: {pool: new}\n"
    monitor = f"  again: {{type: tcp, port: {node.site_port}, interval: 300ms, timeout: 100ms, fall: 2, rise: 2}}\n"
    node.write_zones(text.replace("pools:\n", monitor + "pools:\n", 1))
    hang_up()

    async def there() -> bool:
        assert await node.served(5) == {"tokyo"}
        answer = (await node.ask("new")).answer
        assert all(item.to_text() == "127.0.0.11" for rrset in answer for item in rrset)
        return bool(answer)

    await node.until(there)


async def test_a_reload_that_fails_by_a_bug_is_survived(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(path: str, files: object) -> None:
        raise RuntimeError(f"a bug in {path} {files}")

    monkeypatch.setattr(module, "load_plan", broken)
    hang_up()

    async def told() -> bool:
        return "a bug in" in caplog.text

    await node.until(told)
    await node.sites["tokyo"].break_()
    await node.until_served("osaka")


@pytest.fixture
def many(stopped_node: Node) -> Node:
    """Ten names in two zones, all with a TTL of 30 seconds."""
    zone = stopped_node.zones.partition("  gslb.example.com:\n")[2].partition("    names:\n")[0]
    names = "".join(f"      n{at}: {{pool: web, ttl: 30}}\n" for at in range(8))
    more = f"  example.net:\n{zone}    names:\n      www: {{pool: web, ttl: 30}}\n"
    stopped_node.write_zones(stopped_node.zones + names + more)
    return stopped_node


def without(node: Node, *names: str) -> None:
    lines = node.zones.splitlines(keepends=True)
    node.write_zones("".join(line for line in lines if line.strip().partition(":")[0] not in names))


def with_ttl(node: Node, ttl: int) -> None:
    node.write_zones(node.zones.replace("ttl: 30", f"ttl: {ttl}").replace("ttl: 45", f"ttl: {ttl}"))


async def ttl(node: Node) -> int:
    return int((await node.ask()).answer[0].ttl)


async def test_what_takes_away_more_than_a_few_names_is_refused_unless_forced(many: Node) -> None:
    async with controlled(many) as controller:
        before = controller.plan
        without(many, "n0", "n1", "n2")  # three of ten are not more than 30 %
        assert (await controller.reloading.reload(PUSH))["names"] == 7
        good = controller.plan
        assert good is not before
        without(many, "n3", "n4", "n5")
        with pytest.raises(ConflictError, match="3 of 7 names, 43%") as refused:
            await controller.reloading.reload(PUSH)
        assert "--force" in refused.value.hint
        assert controller.problems == (refused.value.message,)
        assert controller.plan is good
        assert (await many.ask("n3")).answer
        done = await controller.reloading.reload(PUSH._replace(force=True))
        assert (done["names"], done["acknowledged"], controller.problems) == (4, True, ())
        assert not (await many.ask("n3")).answer


async def test_what_takes_away_a_zone_is_refused_by_signal_too(many: Node) -> None:
    async with controlled(many) as controller:
        many.write_zones(many.zones.partition("  example.net:\n")[0])
        controller.reloading.request()

        async def refused() -> bool:
            return bool(controller.problems)

        await many.until(refused)
        assert "takes away 1 zone (example.net.)" in controller.problems[0]
        assert len(controller.plan.config.zones) == 2


async def test_another_folder_than_the_expected_one_is_refused(many: Node) -> None:
    async with controlled(many) as controller:
        before = controller.plan
        with_ttl(many, 45)
        with pytest.raises(ConflictError, match="not abcdef"):
            await controller.reloading.reload(PUSH._replace(expect="abcdef"))
        assert controller.plan is before
        digest = (await controller.reloading.check())["digest"]
        assert (await controller.reloading.reload(PUSH._replace(expect=digest)))["digest"] == digest


async def test_check_changes_nothing(many: Node) -> None:
    async with controlled(many) as controller:
        without(many, "n0", "n1", "n2", "n3")
        found = await controller.reloading.check()
        assert found["served"] == controller.plan.config.digest != found["digest"]
        assert found["changes"]["names"]["removed"] == [f"n{at}.gslb.example.com." for at in range(4)]
        assert "4 of 10 names" in found["changes"]["too_much"]
        assert (await many.ask("n0")).answer
        many.write_zones(many.zones.replace("ttl: 30", "ttl: -1"))
        with pytest.raises(ConfigError):
            await controller.reloading.check()
        assert controller.problems == ()


async def test_a_trial_that_nobody_confirms_ends_by_itself(many: Node) -> None:
    async with controlled(many) as controller:
        first = controller.plan.config.digest
        with_ttl(many, 45)
        begun = time.time()
        done = await controller.reloading.reload(PUSH._replace(confirm=0.4))
        assert await ttl(many) == 45
        assert (done["former"], done["trial"]["who"]) == (first, "ann")
        assert 0.2 < done["trial"]["until"] - begun < 0.8

        async def back() -> bool:
            return await ttl(many) == 30

        await many.until(back)
        view = controller.reloading.view()
        assert (view["digest"], view["trial"]) == (first, None)
        assert view["rolled_back"]["from"] == done["digest"]
        assert (view["rolled_back"]["who"], view["rolled_back"]["why"]) == ("gslb", "nobody confirmed it in time")
        with pytest.raises(ConflictError, match="rolled back"):
            await controller.reloading.confirm(ANN)


async def test_what_is_confirmed_stays(many: Node) -> None:
    async with controlled(many) as controller:
        with_ttl(many, 45)
        await controller.reloading.reload(PUSH._replace(confirm=0.3))
        view = await controller.reloading.confirm(ANN)
        assert (view["trial"], view["rolled_back"]) == (None, None)
        assert await controller.reloading.confirm(ANN) == view
        await asyncio.sleep(0.5)
        assert await ttl(many) == 45


async def test_what_is_confirmed_at_the_last_moment_stays(many: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async with controlled(many) as controller:
        with_ttl(many, 45)
        begun = await controller.reloading.reload(PUSH._replace(confirm=0.3))
        loaded, load_plan = threading.Event(), module.load_plan
        monkeypatch.setattr(module, "load_plan", lambda *wanted: (loaded.wait(10.0), load_plan(*wanted))[1])
        other = asyncio.create_task(controller.reloading.reload(PUSH))  # takes until after the trial
        await asyncio.sleep(0.1)
        confirmed = asyncio.create_task(controller.reloading.confirm(ANN))
        await asyncio.sleep(begun["trial"]["until"] - time.time() + 0.1)
        loaded.set()
        await other
        assert (await confirmed)["trial"] is None
        await asyncio.sleep(0.2)
        assert await ttl(many) == 45


async def test_a_trial_ends_in_time_although_the_node_was_down(many: Node) -> None:
    async with controlled(many) as controller:
        with_ttl(many, 45)
        await controller.reloading.reload(PUSH._replace(confirm=0.2))
    await asyncio.sleep(0.3)
    async with controlled(many) as controller:
        assert (
            controller.plan.config.zones
            == module.load_plan(many.path, controller.reloading.keeping.files(1)).config.zones
        )
        assert await ttl(many) == 30

        async def noted() -> bool:
            return controller.reloading.view()["rolled_back"] is not None

        await many.until(noted)
        assert controller.reloading.view()["rolled_back"]["why"] == "nobody confirmed it in time"


async def test_a_restart_goes_on_with_the_trial_whatever_is_on_disk(many: Node) -> None:
    async with controlled(many) as controller:
        with_ttl(many, 45)
        await controller.reloading.reload(PUSH._replace(confirm=60))
    with_ttl(many, 50)
    async with controlled(many) as controller:
        assert await ttl(many) == 45
        assert controller.reloading.view()["trial"]["until"] > time.time() + 50
        await controller.reloading.confirm(ANN)
    async with controlled(many):
        assert await ttl(many) == 50  # a start takes what is on disk, as nothing says otherwise


async def test_another_reload_neither_confirms_nor_moves_the_way_back(many: Node) -> None:
    async with controlled(many) as controller:
        first = controller.plan.config.digest
        with_ttl(many, 45)
        await controller.reloading.reload(PUSH._replace(confirm=0.5))
        with_ttl(many, 50)
        second = await controller.reloading.reload(PUSH)
        assert second["trial"] is not None
        with_ttl(many, 55)
        await controller.reloading.reload(PUSH._replace(confirm=0.3))

        async def back() -> bool:
            return controller.plan.config.digest == first

        await many.until(back)


async def test_a_trial_of_nothing_new_is_none(many: Node) -> None:
    async with controlled(many) as controller:
        assert (await controller.reloading.reload(PUSH._replace(confirm=60)))["trial"] is None


@pytest.mark.parametrize("seconds", [0.0, -1.0, LONGEST_TRIAL + 1])
async def test_a_trial_has_a_sensible_length(many: Node, seconds: float) -> None:
    async with controlled(many) as controller:
        with pytest.raises(RequestError, match="at most 24h"):
            await controller.reloading.reload(PUSH._replace(confirm=seconds))


async def test_what_was_gone_back_to_is_served_until_the_next_reload(many: Node) -> None:
    async with controlled(many) as controller:
        first = controller.plan.config.digest
        with pytest.raises(NotFoundError, match="before this one"):
            await controller.reloading.rollback(ANN)
        with_ttl(many, 45)
        second = (await controller.reloading.reload(PUSH))["digest"]
        done = await controller.reloading.rollback(ANN, "too long")
        assert (done["digest"], done["former"], done["acknowledged"]) == (first, second, True)
        assert await ttl(many) == 30
    async with controlled(many) as controller:
        assert await ttl(many) == 30
        assert controller.reloading.view()["rolled_back"]["why"] == "too long"
        assert [(one["number"], one["who"], one["served"]) for one in await controller.reloading.generations()] == [
            (2, "ann", False),
            (1, "gslb", True),
        ]
        done = await controller.reloading.reload(PUSH)
        assert (done["digest"], done["rolled_back"]) == (second, None)
        await controller.reloading.rollback(ANN, "", first[:6])
        assert controller.plan.config.digest == first
        with pytest.raises(NotFoundError, match="'ffff' is kept"):
            await controller.reloading.rollback(ANN, "", "ffff")


async def test_two_that_are_bad_are_both_left_for_the_one_that_was_good(many: Node) -> None:
    async with controlled(many) as controller:
        good = controller.plan.config.digest
        for bad in (45, 50):
            with_ttl(many, bad)
            await controller.reloading.reload(PUSH)
            await controller.reloading.rollback(ANN)
            assert controller.plan.config.digest == good


async def test_what_was_seen_must_be_served_still_when_it_is_its_turn(many: Node) -> None:
    async with controlled(many) as controller:
        reloading = controller.reloading
        with_ttl(many, 45)
        seen = (await reloading.reload(PUSH))["digest"]
        twice = (reloading.rollback(ANN, served=seen), reloading.rollback(ANN, served=seen))
        done = await asyncio.gather(*twice, return_exceptions=True)
        assert isinstance(done[1], PreconditionError)
        for late in (reloading.reload(PUSH._replace(served=seen)), reloading.confirm(ANN, seen)):
            with pytest.raises(PreconditionError, match="nothing was done"):
                await late
        assert await ttl(many) == 30


async def test_other_secrets_do_not_take_over_what_is_on_disk(many: Node) -> None:
    async with controlled(many) as controller:
        before = controller.plan
        with_ttl(many, 45)
        secrets = Path(controller.plan.config.node.cookie_file)
        secrets.write_text("00112233445566778899aabbccddeeff\n")
        secrets.chmod(0o600)
        controller.reloading.request_renewal()

        async def renewed() -> bool:
            return controller.plan is not before

        await many.until(renewed)
        assert controller.plan.config.node.cookie_secrets == (bytes.fromhex("00112233445566778899aabbccddeeff"),)
        assert controller.plan.config.digest == before.config.digest
        assert await ttl(many) == 30
        secrets.write_text("nonsense\n")
        controller.reloading.request_renewal()

        async def told() -> bool:
            return bool(controller.problems)

        await many.until(told)
        assert "32 hexadecimal digits" in controller.problems[0]


async def test_without_a_copy_there_is_no_trial(many: Node, caplog: pytest.LogCaptureFixture) -> None:
    state = many.folder / "state"
    state.mkdir(mode=0o700)
    (state / "generations").write_text("in the way")
    async with controlled(many) as controller:
        assert "no copy of the configuration is kept" in caplog.text
        with_ttl(many, 45)
        with pytest.raises(StateError, match="nothing to go back to"):
            await controller.reloading.reload(PUSH._replace(confirm=60))
        assert await ttl(many) == 30
        assert (await controller.reloading.reload(PUSH))["number"] == 0
        assert await ttl(many) == 45


def in_the_way(node: Node) -> None:
    """Nothing can be written about what is to be served."""
    course = node.folder / "state/generations/course.json"
    course.unlink(missing_ok=True)
    course.mkdir()


async def test_what_could_not_be_written_leaves_no_trace(many: Node) -> None:
    async with controlled(many) as controller:
        with_ttl(many, 45)
        in_the_way(many)
        with pytest.raises(StateError, match="cannot be written"):
            await controller.reloading.reload(PUSH._replace(confirm=60))
        assert controller.reloading.view()["number"] == 1
        before = controller.plan
        controller.reloading.request_renewal()

        async def renewed() -> bool:
            return controller.plan is not before

        await many.until(renewed)
        assert await ttl(many) == 30


async def test_a_trial_ends_although_that_cannot_be_written(many: Node, caplog: pytest.LogCaptureFixture) -> None:
    async with controlled(many) as controller:
        with_ttl(many, 45)
        await controller.reloading.reload(PUSH._replace(confirm=0.2))
        in_the_way(many)

        async def back() -> bool:
            return await ttl(many) == 30

        await many.until(back)
        await asyncio.sleep(0.3)
        assert caplog.text.count("a restart does not know") == 1


async def test_a_trial_without_a_way_back_goes_on_and_says_so(many: Node) -> None:
    async with controlled(many) as controller:
        with_ttl(many, 45)
        await controller.reloading.reload(PUSH._replace(confirm=0.2))
        (controller.reloading.keeping.files(1).copy / "test.yaml").write_text("sites: nonsense")

        async def told() -> bool:
            return bool(controller.problems)

        await many.until(told)
        assert "there is no way back" in controller.problems[0]
        assert await ttl(many) == 45
        assert controller.reloading.view()["trial"] is None


async def test_a_copy_that_cannot_be_served_gives_way_to_the_folder(
    many: Node, caplog: pytest.LogCaptureFixture
) -> None:
    async with controlled(many) as controller:
        with_ttl(many, 45)
        await controller.reloading.reload(PUSH)
        await controller.reloading.rollback(ANN)
        (controller.reloading.keeping.files(1).copy / "test.yaml").write_text("sites: nonsense")
    async with controlled(many) as controller:
        assert await ttl(many) == 45
        assert controller.reloading.view()["rolled_back"] is None
        assert "generation 1 cannot be served" in caplog.text


async def test_everything_is_on_record(many: Node) -> None:
    async with controlled(many) as controller:
        first = controller.plan.config.digest
        with_ttl(many, 45)
        second = (await controller.reloading.reload(PUSH._replace(confirm=60)))["digest"]
        await controller.reloading.confirm(ANN)
        await controller.reloading.rollback(ANN, "too long")
        without(many, "n0", "n1", "n2", "n3")
        await controller.reloading.reload(Push(ANN, force=True))
        found = (await controller.store.audit(AuditWanted())).records
        assert [(one.action, one.actor, one.source, one.target) for one in found] == [
            (action, "ann", "192.0.2.1", "config") for action in ("force-reload", "rollback", "confirm", "reload")
        ]
        assert [one.reason for one in found] == [
            "4 names removed, 6 names changed",
            "too long",
            "",
            "CHG-1",
        ]
        assert (found[1].before, found[1].after) == ({"digest": second}, {"digest": first})
