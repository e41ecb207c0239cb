"""From the votes of several probers to belief, with a store that can fail."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from gslb.config.model import Config, Member, Monitor, MonitorSet, Pool, Prober
from gslb.config.settings import NodeSettings, StoreSettings
from gslb.control.council import MUTE, RETURN, Council
from gslb.errors import StoreError
from gslb.health.states import Observation, TargetKey, Verdict
from gslb.health.votes import Ballot

A, B = TargetKey("web", "192.0.2.1"), TargetKey("web", "192.0.2.2")
NODE = NodeSettings("tokyo-1", "tokyo", ("probe",), (), None, 0, "/zones", "/state")
MEMBERS = (Member("a", "tokyo", (A.address,)), Member("b", "osaka", (B.address,)))
POOL = Pool("web", MEMBERS, MonitorSet(("web",), 1))
CONFIG = Config(
    NODE,
    {},
    {"web": Monitor("web", min_votes=2)},
    {"web": POOL},
    {},
    "",
    {name: Prober(name, name.partition("-")[0]) for name in ("tokyo-1", "osaka-1", "witness-1")},
)


def seen(a: Verdict, b: Verdict = "up") -> dict[TargetKey, Observation]:
    return {A: Observation(a, 5.0, "timeout"), B: Observation(b, 5.0)}


class Place:
    """Votes that others have cast; `fault` makes casting fail."""

    def __init__(self, *ballots: Ballot) -> None:
        self.others = {ballot.prober: ballot for ballot in ballots}
        self.cast_here: list[Ballot] = []
        self.fault = False
        self.lost = False

    async def cast(self, ballot: Ballot) -> None:
        if self.fault:
            raise StoreError("the store is out of reach")
        self.cast_here.append(ballot)

    def ballots(self) -> dict[str, Ballot]:
        return dict(self.others)

    def watch(self, told: Callable[[], None]) -> None:
        self.told = told


def test_the_majority_of_three_decides() -> None:
    place = Place(Ballot("osaka-1", "osaka", seen("down")), Ballot("witness-1", "witness", seen("down")))
    council = Council(CONFIG, lambda: seen("up"), place)
    council.decide()
    assert council.belief[A].verdict == "down"
    assert [(vote.prober, vote.seen.verdict) for vote in council.votes(A)] == [
        ("osaka-1", "down"),
        ("tokyo-1", "up"),
        ("witness-1", "down"),
    ]


def test_a_minority_changes_nothing_and_says_so() -> None:
    council = Council(CONFIG, lambda: seen("down"), Place())
    council.restore({A: Observation("up", 1.0), B: Observation("up", 1.0)})
    council.decide()
    assert (council.belief[A].verdict, council.belief[A].no_quorum) == ("up", True)


def test_a_blind_prober_withdraws_its_votes(caplog: pytest.LogCaptureFixture) -> None:
    verdicts = seen("down", "down")
    council = Council(CONFIG, lambda: verdicts, Place())
    council.decide()
    assert council.blind == "every target at all 2 sites fails"
    assert council.votes(A) == []
    assert "this prober is blind" in caplog.text
    verdicts.update(seen("up"))
    council.decide()
    assert not council.blind
    assert "sees again" in caplog.text


def test_the_probers_of_this_site_are_heard_apart() -> None:
    pools = {"web": replace(POOL, scope="local")}
    alone = replace(CONFIG, pools=pools, monitors={"web": Monitor("web")})
    place = Place(Ballot("osaka-1", "osaka", seen("up")), Ballot("witness-1", "witness", seen("up")))
    council = Council(alone, lambda: seen("down"), place)
    council.decide()
    assert (council.belief[A].verdict, council.local[A].verdict) == ("up", "down")


async def test_votes_are_renewed_and_what_others_say_wakes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gslb.control.council.RENEW", 0.02)
    monkeypatch.setattr("gslb.control.council.GAP", 0.01)
    place, woken = Place(), asyncio.Event()
    council = Council(CONFIG, lambda: seen("up"), place)
    council.decide()
    task = asyncio.create_task(council.keep_casting(woken.set))
    async with asyncio.timeout(5):
        while len(place.cast_here) < 3:
            await asyncio.sleep(0.01)
        assert not woken.is_set()
        place.others["osaka-1"] = Ballot("osaka-1", "osaka", seen("down"))
        await woken.wait()
        place.fault = True
        while "votes cannot be shared: the store is out of reach" not in caplog.text:
            await asyncio.sleep(0.01)
        place.fault = False
        count = len(place.cast_here)
        while len(place.cast_here) == count:
            await asyncio.sleep(0.01)
    task.cancel()


def test_who_sees_again_does_not_vote_what_it_found_while_it_was_blind() -> None:
    now, ways = 100.0, [TargetKey("reference:53", "192.0.2.98"), TargetKey("reference:53", "192.0.2.99")]
    node = replace(NODE, references=tuple((way.address, 53) for way in ways))
    setting = replace(CONFIG, node=node, monitors={"web": Monitor("web", min_votes=1)})
    verdicts = {**seen("up"), **dict.fromkeys(ways, Observation("up", 5.0))}
    council = Council(setting, lambda: verdicts, Place(), lambda: now)
    council.decide()
    verdicts.update(dict.fromkeys(ways, Observation("down", now)))
    council.decide()
    assert council.blind == "2 of 2 references fail"
    verdicts.update({A: Observation("down", 108.0), B: Observation("down", 109.0)})
    now = 150.0
    verdicts.update(dict.fromkeys(ways, Observation("up", now)))
    council.decide()
    assert (council.blind, council.belief[A].verdict, council.belief[A].no_quorum) == ("", "up", True)
    verdicts[B] = Observation("up", 175.0)
    now = 190.0
    council.decide()
    assert (council.belief[A].verdict, council.belief[B].verdict) == ("down", "up")


def test_belief_that_nothing_moved_for_is_the_same_object() -> None:
    council = Council(replace(CONFIG, monitors={"web": Monitor("web")}), lambda: seen("up"), Place())
    for _ in range(3):
        before = council.belief
        council.decide()
    assert council.belief[A] is before[A]


def test_the_time_since_outlives_the_coming_and_going_of_other_voters() -> None:
    place = Place()
    council = Council(replace(CONFIG, monitors={"web": Monitor("web")}), lambda: seen("up"), place)
    council.restore({A: Observation("up", 1.0), B: Observation("up", 1.0)})
    for others in ({}, {"osaka-1": Ballot("osaka-1", "osaka", seen("up"))}, {}):
        place.others = others
        council.decide()
        assert council.belief[A].since == 1.0


async def test_a_changed_verdict_is_cast_at_once_and_a_foreign_vote_is_heard_at_once() -> None:
    place, woken = Place(), asyncio.Event()
    council = Council(CONFIG, lambda: seen("up"), place)
    council.decide()
    task = asyncio.create_task(council.keep_casting(woken.set))
    async with asyncio.timeout(0.9):  # less than RENEW
        while not place.cast_here:
            await asyncio.sleep(0.01)
        council.hurry()
        while len(place.cast_here) < 2:
            await asyncio.sleep(0.01)
        woken.clear()
        place.others["osaka-1"] = Ballot("osaka-1", "osaka", seen("down"))
        place.told()
        assert woken.is_set()
    task.cancel()


def lost_store(loss: Literal["own_votes", "freeze"] = "own_votes", roles: tuple[str, ...] = ("probe",)) -> Config:
    return replace(CONFIG, node=replace(NODE, roles=roles, store=StoreSettings("etcd", loss=loss)))


def test_without_the_store_the_own_prober_decides_and_what_returns_is_stale_for_a_moment() -> None:
    now, verdicts = 100.0, seen("up")
    stale = Ballot("osaka-1", "osaka", seen("up")), Ballot("witness-1", "witness", seen("up"))
    place = Place(*stale)
    council = Council(lost_store(), lambda: verdicts, place, steady=lambda: now)
    council.decide()
    place.lost, place.others = True, {}
    verdicts = seen("down")
    council.decide()
    assert (council.lost, council.belief[A].verdict) == (True, "down")
    now, place.lost, place.others = 150.0, False, {one.prober: one for one in stale}
    council.decide()
    assert (council.lost, council.belief[A].verdict) == (False, "up"), "the loss was long ago"
    now = 151.0
    place.lost = True
    council.decide()
    place.lost, now = False, 151.0 + RETURN - 0.1
    council.decide()
    assert (council.lost, council.belief[A].verdict) == (True, "down"), "votes from before the loss decide nothing"
    now = 151.0 + RETURN
    council.decide()
    assert (council.lost, council.belief[A].verdict) == (False, "up")


@pytest.mark.parametrize("turned", [-3600.0, 3600.0])
def test_a_wall_clock_that_is_turned_neither_ends_nor_prolongs_the_loss_of_the_store(turned: float) -> None:
    wall, steady = 1e9, 100.0
    place = Place(Ballot("osaka-1", "osaka", seen("up")), Ballot("witness-1", "witness", seen("up")))
    council = Council(lost_store(), lambda: seen("down"), place, lambda: wall, lambda: steady)
    place.lost = True
    council.decide()
    place.lost, wall = False, wall + turned
    council.decide()
    assert (council.lost, council.belief[A].verdict) == (True, "down")
    steady += RETURN
    council.decide()
    assert (council.lost, council.belief[A].verdict) == (False, "up")


def test_what_the_store_showed_before_its_loss_is_neither_counted_nor_shown() -> None:
    class Going(Place):
        def ballots(self) -> dict[str, Ballot]:
            self.lost = True  # as soon as they were read
            return super().ballots()

    place = Going(Ballot("osaka-1", "osaka", seen("up")), Ballot("witness-1", "witness", seen("up")))
    council = Council(lost_store(), lambda: seen("down"), place)
    council.decide()
    assert (council.lost, council.belief[A].verdict, list(council.ballots)) == (True, "down", ["tokyo-1"])


@pytest.mark.parametrize(("loss", "roles"), [("freeze", ("probe",)), ("own_votes", ("dns",))])
def test_a_node_that_freezes_or_does_not_probe_keeps_its_belief(
    loss: Literal["own_votes", "freeze"], roles: tuple[str, ...]
) -> None:
    place = Place(Ballot("osaka-1", "osaka", seen("up")), Ballot("witness-1", "witness", seen("up")))
    council = Council(lost_store(loss, roles), lambda: seen("down"), place)
    council.decide()
    assert council.belief[A].verdict == "up"
    place.lost, place.others = True, {}
    council.decide()
    assert (council.belief[A].verdict, council.belief[A].no_quorum) == ("up", True)


def test_a_blind_prober_decides_nothing_without_the_store_either() -> None:
    place = Place(Ballot("osaka-1", "osaka", seen("up")), Ballot("witness-1", "witness", seen("up")))
    ways = [TargetKey("reference:53", f"192.0.2.{n}") for n in (98, 99)]
    setting = lost_store()
    setting = replace(setting, node=replace(setting.node, references=tuple((way.address, 53) for way in ways)))
    verdicts = {**seen("up"), **dict.fromkeys(ways, Observation("up", 1.0))}
    council = Council(setting, lambda: verdicts, place)
    council.decide()
    place.lost, place.others = True, {}
    verdicts = {**seen("down"), **dict.fromkeys(ways, Observation("down", 1.0))}
    council.decide()
    assert (council.blind, council.belief[A].verdict) == ("2 of 2 references fail", "up")


async def test_who_does_not_probe_casts_nothing_and_strangers_are_not_counted() -> None:
    place = Place(
        Ballot("osaka-1", "osaka", seen("down")),
        Ballot("witness-1", "witness", seen("down")),
        *(Ballot(f"stranger-{n}", "osaka", seen("up")) for n in range(5)),
    )
    council = Council(lost_store(roles=("dns",)), dict, place)
    council.decide()
    assert council.belief[A].verdict == "down"
    assert sorted(council.ballots) == ["osaka-1", "witness-1"]
    changes: list[int] = []
    task = asyncio.create_task(council.keep_casting(lambda: changes.append(1)))
    await asyncio.sleep(0.1)
    assert (place.cast_here, changes) == ([], [])
    place.others["osaka-1"] = Ballot("osaka-1", "osaka", seen("up"))
    place.told()
    assert changes
    task.cancel()


async def test_a_store_that_takes_no_ballot_has_old_ones_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gslb.control.council.RENEW", 0.02)
    monkeypatch.setattr("gslb.control.council.GAP", 0.01)
    now, woken = 100.0, asyncio.Event()
    place = Place(Ballot("osaka-1", "osaka", seen("up")), Ballot("witness-1", "witness", seen("up")))
    council = Council(lost_store(), lambda: seen("down"), place, steady=lambda: now)
    place.fault = True
    task = asyncio.create_task(council.keep_casting(woken.set))
    async with asyncio.timeout(5):
        while not council.trouble:
            await asyncio.sleep(0.01)
        council.decide()
        assert (council.lost, council.belief[A].verdict) == (False, "up")
        woken.clear()
        now += MUTE
        await woken.wait()
        council.decide()
        assert (council.lost, council.belief[A].verdict) == (True, "down")
        assert council.trouble == "votes cannot be shared: the store is out of reach"
        place.fault = False
        while council.trouble:
            await asyncio.sleep(0.01)
        now += RETURN
        council.decide()
        assert (council.lost, council.belief[A].verdict) == (False, "up")
    task.cancel()
