"""Agents that speak, fall silent, and are no agents at all."""

import asyncio

import pytest

from gslb.errors import NotFoundError, RequestError
from gslb.health.states import TargetKey
from gslb.probe.push import Board, Push, PushMonitor, check
from gslb.probe.result import NoResultError, Result
from gslb.probe.runner import Runner
from tests.config.conftest import Folder
from tests.config.conftest import folder as folder

KEY = TargetKey("web", "192.0.2.1")
MONITORS = "web: {type: push, interval: 5s, max_load: 0.8}\nssh: {type: tcp, port: 22}\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def config(folder: Folder):
    return folder.load(monitors=MONITORS)


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(clock)


async def ask(board: Board, config) -> Result:
    return await board.check(config.monitors["web"], KEY.address)


def test_keys_and_their_defaults(folder: Folder) -> None:
    monitors = "web: {type: push, interval: 2s}\nssh: {type: push, expiry: 1m, max_load: 2}\n"
    found = folder.load(monitors=monitors).monitors
    assert (found["web"].expiry, found["web"].max_load) == (6.0, None)
    assert (found["ssh"].expiry, found["ssh"].max_load) == (60.0, 2.0)


def test_a_death_is_seen_after_the_last_push_ran_out() -> None:
    monitor = PushMonitor("web", interval=5.0, fall=3, jitter=0.1, expiry=15.0)
    assert monitor.detection == 15.0 + 3 * 5.0 + 0.5


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("expiry: 1s", "monitors.web.expiry: must be at least the interval, 5 s (got 1 s)"),
        ("expiry: never", "monitors.web.expiry: must be a duration such as 500ms, 5s, 10m or 2h (got 'never')"),
        ("max_load: -1", "monitors.web.max_load: must be at least 0"),
    ],
)
def test_wrong_keys(folder: Folder, keys: str, message: str) -> None:
    found = folder.messages(monitors=f"web: {{type: push, {keys}}}\nssh: {{type: tcp, port: 22}}\n")
    assert [line[: len(message)] for line in found] == [message]


async def test_up_down_and_load(board: Board, config) -> None:
    assert board.post(config, KEY, Push(True, 0.8, "fine")) == 15.0
    assert await ask(board, config) == Result(True, 0.0, "", "fine")
    board.post(config, KEY, Push(True, 0.81))
    assert await ask(board, config) == Result(False, 0.0, "status", "load 0.81 is above 0.8")
    board.post(config, KEY, Push(False, 0.1, "replica\x1b lags"))
    assert await ask(board, config) == Result(False, 0.0, "status", "replica? lags")
    board.post(config, KEY, Push(False))
    assert await ask(board, config) == Result(False, 0.0, "status", "said to be down")
    board.post(config, KEY, Push(True))
    assert (await ask(board, config)).ok


async def test_silence_counts_as_down_once_the_last_push_has_run_out(board: Board, config, clock: Clock) -> None:
    board.post(config, KEY, Push(True, 0.5))
    clock.now += 14.9
    assert (await ask(board, config)).ok
    assert board.load(KEY) == 0.5
    clock.now += 0.1
    assert await ask(board, config) == Result(False, 0.0, "timeout", "nothing heard for 15 s")
    assert board.load(KEY) is None
    board.post(config, KEY, Push(True))
    assert (await ask(board, config)).ok


async def test_an_agent_may_promise_less_than_the_monitor_asks(board: Board, config, clock: Clock) -> None:
    assert board.post(config, KEY, Push(True, lasts=2.0)) == 2.0
    clock.now += 2.0
    assert (await ask(board, config)).reason == "timeout"
    with pytest.raises(RequestError, match="must be at most the monitor's expiry, 15 s") as caught:
        board.post(config, KEY, Push(True, lasts=15.1))
    assert caught.value.pointer == "/for"
    assert (await ask(board, config)).reason == "timeout", "what was refused changes nothing"


async def test_before_the_first_push_nothing_is_known(board: Board, config, clock: Clock) -> None:
    with pytest.raises(NoResultError, match="after 0 s"):
        await ask(board, config)
    clock.now += 14.0
    with pytest.raises(NoResultError, match="after 14 s"):
        await ask(board, config)
    clock.now += 1.0
    assert await ask(board, config) == Result(False, 0.0, "timeout", "nothing heard for 15 s")
    board.post(config, KEY, Push(True))
    assert (await ask(board, config)).ok


async def test_without_a_board_nobody_hears() -> None:
    with pytest.raises(NoResultError, match="nobody hears agents"):
        await check(PushMonitor("web"), "192.0.2.1")


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        (TargetKey("wbe", "192.0.2.1"), "no monitor 'wbe' of type push", "did you mean web?"),
        (TargetKey("ssh", "192.0.2.1"), "no monitor 'ssh' of type push", "known: web"),
        (TargetKey("\x1b" * 500, "192.0.2.1"), "no monitor '???", "web"),
        (TargetKey("web", "192.0.2.2"), "no member with monitor 'web' has the address 192.0.2.2", "/api/v1/status"),
    ],
)
def test_what_the_configuration_does_not_have(board: Board, config, key: TargetKey, message: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        board.post(config, key, Push(True))
    assert message in caught.value.message
    assert len(caught.value.message) < 120
    assert hint in caught.value.hint


async def test_a_board_holds_no_more_than_the_configuration(board: Board, folder: Folder, config) -> None:
    for number in range(1000):
        with pytest.raises(NotFoundError):
            board.post(config, TargetKey(f"m{number}", "192.0.2.1"), Push(True))
        with pytest.raises(NotFoundError):
            board.post(config, TargetKey("web", f"10.0.{number // 250}.{number % 250}"), Push(True))
        board.post(config, KEY, Push(True, detail=str(number)))
    assert board.targets == 1
    pools = "web: {monitors: [web, ssh], members: {tokyo: {site: tokyo, addresses: [192.0.2.7]}}}\n"
    later = folder.load(monitors=MONITORS, pools=pools)
    board.post(later, TargetKey("web", "192.0.2.7"), Push(True))
    assert board.targets == 1
    with pytest.raises(NotFoundError):
        board.post(later, KEY, Push(True))


async def test_a_runner_treats_it_as_any_other_type(folder: Folder) -> None:
    keys = "interval: 100ms, fall: 2, rise: 2, expiry: 200ms"
    config = folder.load(monitors=f"web: {{type: push, {keys}}}\nssh: {{type: tcp, port: 22}}\n")
    board, verdicts = Board(), []

    async def fine(_monitor: object, _address: str) -> Result:
        return Result(True, 0.0)

    def changed(key: TargetKey, observation) -> None:
        if key == KEY:
            verdicts.append((observation.verdict, observation.reason.partition(" for ")[0]))

    runner = Runner(config, changed, checks={"push": board.check, "tcp": fine})
    runner.start()
    await asyncio.sleep(0.1)
    assert verdicts == []
    assert runner.errors == 0
    async with asyncio.timeout(3):
        while len(verdicts) < 1:
            board.post(config, KEY, Push(True))
            await asyncio.sleep(0.02)
        while len(verdicts) < 2:
            await asyncio.sleep(0.02)
        while len(verdicts) < 3:
            board.post(config, KEY, Push(True))
            await asyncio.sleep(0.02)
    await runner.close()
    assert verdicts == [("up", ""), ("down", "timeout: nothing heard"), ("up", "")]
