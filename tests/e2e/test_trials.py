"""Failover within its bound whatever the phase, and no dead site in any answer after any start."""

import random
import shutil
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.kit import SITES, ZONE, Node, eventually
from tests.e2e.load import Load
from tests.e2e.targets import Targets
from tests.support import query

pytestmark = pytest.mark.e2e

MakeNode = Callable[[], Node]
TRIALS = 50  # of each profile
PROFILES = {"slow": (5.0, 3, 2.0), "fast": (1.0, 2, 0.5)}  # interval, fall, timeout: the defaults and the fast profile
JITTER, PUBLISH = 0.1, 0.5
DEAD, ALIVE = "127.3.0.1", "127.3.0.2"
COUNTS = [5, pytest.param(50, marks=pytest.mark.soak)]


def address(site: int, profile: str, number: int) -> str:
    return f"127.{site}.{list(PROFILES).index(profile)}.{number + 1}"


def bound(profile: str) -> float:
    """Semantics section 7."""
    interval, fall, timeout = PROFILES[profile]
    return fall * interval + JITTER * interval + timeout + PUBLISH


def many_pools(port: int) -> str:
    monitors = "".join(
        f"  {name}: {{type: http, port: {port}, interval: {interval:g}s, fall: {fall}, timeout: {timeout:g}s}}\n"
        for name, (interval, fall, timeout) in PROFILES.items()
    )
    pools, names = "", ""
    for profile in PROFILES:
        for number in range(TRIALS):
            first, second = (address(site, profile, number) for site in (1, 2))
            pools += (
                f"  {profile}{number}:\n    monitors: [{profile}]\n    members:\n"
                f"      a: {{site: tokyo, addresses: [{first}]}}\n      b: {{site: osaka, addresses: [{second}]}}\n"
            )
            names += f"      {profile}{number}: {{pool: {profile}{number}, ttl: 5}}\n"
    return f"{SITES}monitors:\n{monitors}pools:\n{pools}{ZONE}{names}"


def test_a_hundred_failovers_at_random_phases_are_within_their_bound(make_node: MakeNode) -> None:
    every = [address(site, profile, number) for site in (1, 2) for profile in PROFILES for number in range(TRIALS)]
    names = [(profile, number) for profile in PROFILES for number in range(TRIALS)]
    rng = random.Random(7)
    died: dict[tuple[str, int], float] = {}
    with Targets(every) as targets:
        node = make_node().write(many_pools(targets.port), startup_wait="20s").start().ready(40)
        with Load(node.dns, rate=2000, questions=[query(f"{profile}{number}") for profile, number in names]) as load:
            begun = time.monotonic()
            plan = sorted((rng.uniform(0.5, 6.0), trial, rng.choice(("refuse", "hang"))) for trial in names)
            for after, trial, way in plan:
                time.sleep(max(begun + after - time.monotonic(), 0))
                died[trial] = targets.kill(address(1, *trial), way)
            time.sleep(bound("slow") + 1)
    last = dict.fromkeys(names, 0.0)
    for ask in load.asks:
        trial = names[ask.question]
        if address(1, *trial) in ask.addresses:
            last[trial] = max(last[trial], ask.answered)
    for profile in PROFILES:
        stale = sorted(last[trial] - died[trial] for trial in names if trial[0] == profile)
        middle = stale[len(stale) // 2]
        spread = f"{stale[0]:.2f} to {stale[-1]:.2f} s, median {middle:.2f}"
        print(f"\n{profile}: {len(stale)} failovers after {spread}, bound {bound(profile):g}")
        assert stale[-1] <= bound(profile)
        assert stale[0] > 0
    assert not load.lost


@pytest.fixture
def half_dead(make_node: MakeNode) -> Iterator[Node]:
    """A node, not yet started, with two sites of which one is dead."""
    with Targets([ALIVE]) as targets:
        monitor = f"monitors:\n  web: {{type: http, port: {targets.port}, interval: 1s, timeout: 500ms, fall: 2}}\n"
        members = f"      a: {{site: tokyo, addresses: [{DEAD}]}}\n      b: {{site: osaka, addresses: [{ALIVE}]}}\n"
        pool = f"pools:\n  web:\n    monitors: [web]\n    members:\n{members}"
        yield make_node().write(f"{SITES}{monitor}{pool}{ZONE}      www: {{pool: web, ttl: 5}}\n")


def answered(load: Load) -> tuple[int, int]:
    """How many answers there were, and how many of them with the dead site."""
    replies = [ask.addresses for ask in load.asks if ask.reply]
    return sum(reply == (ALIVE,) for reply in replies), sum(DEAD in reply for reply in replies)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.timeout(600)
def test_no_cold_start_answers_with_the_dead_site(half_dead: Node, count: int) -> None:
    node = half_dead
    with Load(node.dns, rate=1000) as load:
        for _ in range(count):
            node.start().ready()
            node.stop()
            shutil.rmtree(node.state)
    good, bad = answered(load)
    print(f"\n{count} cold starts with one dead site of two: {good} answers, {bad} with the dead site")
    assert good > 20 * count
    assert not bad


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", ["workers", "control", "supervisor"])
@pytest.mark.timeout(900)
def test_no_restart_of_a_process_answers_with_the_dead_site(half_dead: Node, kind: str, count: int) -> None:
    node = half_dead
    node.start().ready()
    with Load(node.dns, rate=1000) as load:
        for _ in range(count):
            before = node.run()[kind][0]
            node.kill(kind)
            if kind == "supervisor":
                node.start()
            eventually(lambda gone=before: set(node.run().get(kind, ())) - {gone} and node.fresh(), 30)
    good, bad = answered(load)
    print(f"\n{count} kills of {kind}, one dead site of two: {good} answers, {bad} with the dead site")
    assert good > 100 * count
    assert not bad
