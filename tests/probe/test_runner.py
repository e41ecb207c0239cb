"""The runner on a simulated clock: an event loop that jumps to its next timer, with checks that only sleep."""

import asyncio
import logging
import random
import selectors
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gslb.config.model import Config, Member, Monitor, MonitorSet, Pool
from gslb.config.settings import NodeSettings
from gslb.health.states import UNKNOWN, Observation, TargetKey
from gslb.probe.expiry import DAY
from gslb.probe.result import Result
from gslb.probe.runner import FIRST_SPREAD, Runner
from gslb.probe.schedule import phase_of, start_of
from gslb.probe.tcp import TcpMonitor

EPOCH = 1_000_000.0
FAR = TargetKey("web", "192.0.2.1")


class Jump(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Where the loop would wait, time passes at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "the loop would wait for ever"
            self.now += max(timeout, 0)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jump = Jump()
        super().__init__(self.jump)

    def time(self) -> float:
        return self.jump.now


def simulate(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


def config(*monitors: Monitor, addresses: Sequence[str] = (FAR.address,), cap: int = 200) -> Config:
    """Two pools with the same monitors and addresses."""
    node = NodeSettings("n", "s", ("probe",), (), None, 0, "/zones", "/state", probe_concurrency=cap)
    names = tuple(monitor.name for monitor in monitors)
    members = tuple(Member(address, "s", (address,)) for address in addresses)
    pools = {pool: Pool(pool, members, MonitorSet(names, len(names))) for pool in ("one", "two")}
    return Config(node, {}, {monitor.name: monitor for monitor in monitors}, pools, {}, "")


def web(**options: Any) -> TcpMonitor:
    return TcpMonitor("web", 80, **options)


class World:
    """Targets that live or not, and what happened to them."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.hanging: set[str] = set()
        self.latency = 0.01
        self.fault: Exception | None = None
        self.listener_fault: Exception | None = None
        self.probes: list[tuple[float, str]] = []
        self.running = 0
        self.most_running = 0
        self.changes: list[tuple[float, TargetKey, Observation]] = []

    async def check(self, monitor: Monitor, address: str) -> Result:
        if self.fault:
            raise self.fault
        self.probes.append((now(), address))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if address in self.hanging:
                await asyncio.sleep(monitor.timeout)
                return Result(False, monitor.timeout, "timeout", "connecting")
            await asyncio.sleep(self.latency)
            return Result(False, self.latency, "refused") if address in self.dead else Result(True, self.latency)
        finally:
            self.running -= 1

    def listen(self, key: TargetKey, observation: Observation) -> None:
        self.changes.append((now(), key, observation))
        if self.listener_fault:
            raise self.listener_fault

    def runner(self, setting: Config, seed: int = 1) -> Runner:
        return Runner(
            setting,
            self.listen,
            checks={"tcp": self.check},
            rng=random.Random(seed),
            epoch=lambda: EPOCH + now(),
        )

    def starts(self, address: str = FAR.address) -> list[float]:
        return [at for at, probed in self.probes if probed == address]


def test_probes_keep_to_their_slots_whatever_they_take() -> None:
    async def main() -> None:
        world = World()
        world.latency = 1.7
        runner = world.runner(config(web(interval=5, timeout=2, jitter=0.1)))
        runner.start()
        await asyncio.sleep(5000)
        await runner.close()
        phase = phase_of(FAR)
        offsets = [start - start_of(slot, 5, phase) for slot, start in enumerate(world.starts()[1:], start=1)]
        assert len(offsets) == 999
        assert min(offsets) >= -1e-6
        assert max(offsets) <= 0.5
        assert max(offsets) - min(offsets) > 0.45
        assert runner.lateness.worst < 1e-6

    simulate(main)


def test_the_first_round_is_quick_and_spread() -> None:
    async def main() -> None:
        world = World()
        addresses = [f"192.0.2.{host}" for host in range(1, 101)]
        runner = world.runner(config(web(interval=60), addresses=addresses))
        runner.start()
        assert not runner.first_round.is_set()
        await asyncio.wait_for(runner.first_round.wait(), FIRST_SPREAD + 0.1)
        assert len(world.probes) == 100
        assert len({round(at, 2) for at, _ in world.probes}) > 25
        assert {observation.verdict for observation in runner.belief().values()} == {"up"}
        await runner.close()

    simulate(main)


def test_one_schedule_per_target_however_many_pools_share_it() -> None:
    async def main() -> None:
        world = World()
        runner = world.runner(config(web(interval=1, timeout=1)))
        runner.start()
        await asyncio.sleep(10.99)
        await runner.close()
        assert 11 <= len(world.probes) <= 13

    simulate(main)


def test_a_first_failure_is_retried_at_once() -> None:
    async def main() -> None:
        world = World()
        world.dead.add(FAR.address)
        runner = world.runner(config(web(interval=60)))
        runner.start()
        await runner.first_round.wait()
        assert len(world.probes) == 2
        assert world.probes[1][0] - world.probes[0][0] == pytest.approx(0.01)
        assert [(key, observation.verdict, observation.reason) for _, key, observation in world.changes] == [
            (FAR, "down", "refused")
        ]
        assert world.changes[0][2].since == pytest.approx(EPOCH + now())
        assert (runner.probes, runner.failures, runner.errors) == (2, 2, 0)
        await runner.close()

    simulate(main)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.5, 30),
    st.floats(0.1, 1),
    st.integers(1, 5),
    st.floats(0, 0.5),
    st.floats(50, 200),
    st.integers(0, 99),
)
def test_a_death_is_seen_within_the_bound(
    interval: float, timeout_share: float, fall: int, jitter: float, death: float, seed: int
) -> None:
    monitor = web(interval=interval, timeout=interval * timeout_share, fall=fall, jitter=jitter)

    async def main() -> None:
        world = World()
        world.latency = 0.0
        runner = world.runner(config(monitor), seed)
        runner.start()
        await asyncio.sleep(death)
        world.hanging.add(FAR.address)
        await asyncio.sleep(monitor.detection + 1e-3)
        assert runner.belief()[FAR].verdict == "down"
        await runner.close()

    simulate(main)


def test_hanging_targets_delay_no_other() -> None:
    async def main() -> None:
        world = World()
        addresses = [f"192.0.2.{host}" for host in range(1, 101)]
        world.hanging.update(addresses[1:])
        runner = world.runner(config(web(interval=5, timeout=5), addresses=addresses))
        runner.start()
        await asyncio.sleep(100)
        offsets = [start - start_of(slot, 5, phase_of(FAR)) for slot, start in enumerate(world.starts()[1:])]
        assert -1e-6 < min(offsets) <= max(offsets) <= 0.5
        assert world.most_running > 50
        assert (
            runner.lateness.worst <= 0.5
        )  # a probe that takes its whole interval may run into the jitter of its next slot
        assert runner.belief()[FAR].verdict == "up"
        await runner.close()

    simulate(main)


def test_beyond_the_cap_probes_queue_and_the_lateness_shows() -> None:
    async def main() -> None:
        world = World()
        addresses = [f"192.0.2.{host}" for host in range(1, 11)]
        world.hanging.update(addresses)
        runner = world.runner(config(web(interval=10, timeout=1), addresses=addresses, cap=2))
        runner.start()
        await asyncio.sleep(12)
        assert world.most_running == 2
        assert runner.lateness.worst > 2
        assert all(observation.verdict == "down" for observation in runner.belief().values())
        await runner.close()

    simulate(main)


def test_after_a_stall_missed_slots_are_skipped() -> None:
    async def main() -> None:
        world = World()
        runner = world.runner(config(web(interval=1, timeout=1, jitter=0.0)))
        runner.start()
        await asyncio.sleep(5)
        asyncio.get_running_loop().jump.now += 100  # type: ignore[attr-defined]
        await asyncio.sleep(5)
        await runner.close()
        assert len([at for at in world.starts() if at > 100]) <= 7
        assert runner.lateness.worst > 90

    simulate(main)


def test_nothing_to_probe_is_a_finished_round() -> None:
    async def main() -> None:
        runner = World().runner(config())
        assert runner.first_round.is_set()
        runner.start()
        assert runner.belief() == {}
        await runner.close()

    simulate(main)


def test_certificates_are_kept_and_warned_of_once_a_day(caplog: pytest.LogCaptureFixture) -> None:
    ends = EPOCH + 16 * DAY

    async def check(_: Monitor, address: str) -> Result:
        if now() > 17 * DAY or address != FAR.address:
            return Result(False, 0.0, "tls", "certificate has expired")
        return Result(True, 0.0, tls_days=(ends - EPOCH - now()) / DAY)

    async def main() -> None:
        setting = config(web(interval=3600.0), addresses=(FAR.address, "192.0.2.2"))
        runner = Runner(setting, lambda *_: None, checks={"tcp": check}, epoch=lambda: EPOCH + now())
        runner.start()
        await asyncio.sleep(1 * DAY)
        assert runner.certificates() == {FAR: pytest.approx(15)}
        assert "expires" not in caplog.text
        await asyncio.sleep(4 * DAY)
        lines = [record.getMessage() for record in caplog.records if "expires" in record.getMessage()]
        assert len(lines) in (3, 4)  # 14 to 11 days before, by the hours of the probes
        assert lines[0] == "monitor web: the certificate of 192.0.2.1 expires in 14.0 days"
        await asyncio.sleep(15 * DAY)
        assert runner.certificates() == {FAR: pytest.approx(-4)}, "what was shown last"
        runner.update(config(web(interval=3600.0), addresses=("192.0.2.2",)))
        assert runner.certificates() == {}
        await runner.close()

    simulate(main)


def test_belief_holds_every_target_from_the_start() -> None:
    async def main() -> None:
        runner = World().runner(config(web(), addresses=(FAR.address, "192.0.2.2")))
        assert runner.belief() == {FAR: UNKNOWN, TargetKey("web", "192.0.2.2"): UNKNOWN}
        assert runner.certificates() == {}
        await runner.close()

    simulate(main)


def test_a_restored_verdict_stands_until_fall_results_change_it() -> None:
    async def main() -> None:
        world = World()
        world.dead.add(FAR.address)
        runner = world.runner(config(web(interval=5, timeout=1, fall=3)))
        restored = Observation("up", 77.0)
        runner.restore({FAR: restored, TargetKey("web", "203.0.113.9"): Observation("down", 1.0)})
        assert runner.first_round.is_set()
        assert runner.belief() == {FAR: restored}
        runner.start()
        await asyncio.sleep(5)
        assert runner.belief()[FAR].verdict == "up"
        await asyncio.sleep(12)
        assert runner.belief()[FAR].verdict == "down"
        assert len(world.changes) == 1
        await runner.close()

    simulate(main)


def test_restoring_overrides_neither_results_nor_knows_unknown() -> None:
    async def main() -> None:
        world = World()
        runner = world.runner(config(web()))
        runner.restore({FAR: Observation("unknown", 5.0)})
        assert not runner.first_round.is_set()
        runner.start()
        await runner.first_round.wait()
        runner.restore({FAR: Observation("down", 5.0)})
        assert runner.belief()[FAR].verdict == "up"
        await runner.close()

    simulate(main)


def test_an_update_disturbs_no_unchanged_target() -> None:
    async def main() -> None:
        world = World()
        runner = world.runner(config(web(interval=5)))
        runner.start()
        await asyncio.sleep(20)
        before = runner.belief()[FAR]
        for _ in range(100):
            runner.update(config(web(interval=5), addresses=(FAR.address, "192.0.2.2")))
            await asyncio.sleep(0.001)
        assert runner.belief()[FAR] == before
        await asyncio.sleep(20)
        assert len(world.starts()) in (8, 9)
        assert len(world.starts("192.0.2.2")) in (4, 5)
        await runner.close()

    simulate(main)


def test_an_update_opens_the_round_for_new_targets() -> None:
    async def main() -> None:
        world = World()
        runner = world.runner(config(web()))
        runner.start()
        await runner.first_round.wait()
        runner.update(config(web(), addresses=(FAR.address, "192.0.2.2")))
        assert not runner.first_round.is_set()
        await asyncio.wait_for(runner.first_round.wait(), 1)
        runner.update(config(web(), addresses=("192.0.2.2",)))
        assert runner.first_round.is_set()
        await runner.close()

    simulate(main)


def test_a_removed_target_is_silent_at_once_even_in_flight() -> None:
    async def main() -> None:
        world = World()
        world.hanging.add(FAR.address)
        runner = world.runner(config(web(interval=5, timeout=5)))
        runner.start()
        await asyncio.sleep(1)
        assert world.running == 1
        runner.update(config())
        await asyncio.sleep(0)
        assert world.running == 0
        made = len(world.probes)
        await asyncio.sleep(60)
        assert len(world.probes) == made
        assert world.changes == []
        assert runner.belief() == {}
        await runner.close()

    simulate(main)


def test_a_monitor_defined_otherwise_judges_anew_and_keeps_its_verdict_until_then() -> None:
    async def main() -> None:
        world = World()
        world.dead.add(FAR.address)
        runner = world.runner(config(web(interval=60)))
        runner.start()
        await runner.first_round.wait()
        world.dead.clear()
        runner.update(config(web(interval=50, rise=9)))
        assert runner.belief()[FAR].verdict == "down"
        assert not runner.first_round.is_set()
        await asyncio.wait_for(runner.first_round.wait(), 1)
        assert runner.belief()[FAR].verdict == "up"
        await runner.close()

    simulate(main)


def test_an_update_before_the_start_probes_nothing_yet() -> None:
    async def main() -> None:
        world = World()
        runner = world.runner(config())
        runner.update(config(web()))
        await asyncio.sleep(10)
        assert world.probes == []
        runner.start()
        await runner.first_round.wait()
        assert len(world.probes) == 1
        await runner.close()

    simulate(main)


def test_an_update_changes_the_cap() -> None:
    async def main() -> None:
        world = World()
        addresses = [f"192.0.2.{host}" for host in range(1, 31)]
        world.hanging.update(addresses)
        runner = world.runner(config(web(interval=10, timeout=9), addresses=addresses, cap=3))
        runner.start()
        await asyncio.sleep(5)
        assert world.most_running == 3
        runner.update(config(web(interval=11, timeout=9), addresses=addresses, cap=20))
        await asyncio.sleep(5)
        assert world.most_running == 20
        await runner.close()

    simulate(main)


def test_close_leaves_no_task() -> None:
    async def main() -> None:
        world = World()
        addresses = [f"192.0.2.{host}" for host in range(1, 51)]
        world.hanging.update(addresses)
        runner = world.runner(config(web(), addresses=addresses))
        runner.start()
        await asyncio.sleep(1)
        runner.update(config(web(), addresses=addresses[:25]))
        await runner.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert world.running == 0
        await runner.close()

    simulate(main)


def test_what_this_machine_cannot_probe_is_no_verdict(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world = World()
        runner = world.runner(config(web(interval=5)))
        runner.start()
        await asyncio.sleep(20)
        world.fault = OSError(24, "Too many open files")
        await asyncio.sleep(50)
        assert runner.errors == 10
        assert runner.belief()[FAR].verdict == "up"
        world.fault = None
        made = runner.probes
        await asyncio.sleep(20)
        assert runner.probes == made + 4
        await runner.close()

    with caplog.at_level(logging.ERROR):
        simulate(main)
    told = [record.getMessage() for record in caplog.records]
    assert told == ["monitor web: no result for 192.0.2.1: [Errno 24] Too many open files"]


def test_a_listener_that_fails_does_not_end_the_schedule(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world = World()
        world.dead.add(FAR.address)
        world.listener_fault = ValueError("a bug of the listener")
        runner = world.runner(config(web(interval=5, rise=2)))
        runner.start()
        await asyncio.sleep(12)
        world.dead.clear()
        await asyncio.sleep(12)
        assert runner.belief()[FAR].verdict == "up"
        await runner.close()

    simulate(main)
    assert "a bug of the listener" in caplog.text


async def test_real_probes_on_the_real_clock(serve) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    port = await serve(greet)
    changes: list[tuple[TargetKey, str]] = []
    runner = Runner(
        config(TcpMonitor("t", port, interval=0.1, timeout=0.1, fall=2, rise=2), addresses=("127.0.0.1",)),
        lambda key, observation: changes.append((key, observation.verdict)),
    )
    runner.start()
    await asyncio.wait_for(runner.first_round.wait(), 2)
    await runner.close()
    assert changes == [(("t", "127.0.0.1"), "up")]
