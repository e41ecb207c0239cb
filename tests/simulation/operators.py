"""Operators in a random life: drains, for some or for all, holds and forces, at once or scheduled, cancelled at times;
and what must hold of answers because of them, counted independently of gslb.health.wanted and gslb.table.parts."""

import random
from dataclasses import replace
from math import inf

from gslb.config.model import Member
from gslb.health.states import AddressState, Verdict
from gslb.intents import Drain, Force, Hold, Intent, Target
from gslb.policy.split import bucket
from gslb.policy.walk import answers_of
from gslb.table.parts import MOST_APART
from tests.simulation.leaf import Asker, addresses_of, fails_open
from tests.simulation.node import Node
from tests.simulation.publication import Publication, live, serves
from tests.simulation.world import World

LATE = 0.25  # seconds until every node that runs has published what began
_TTL = slice(6, 10)  # of the first record
NETWORKS = [(10 << 24) + (at << 8) for at in range(0, 4096, 41)]


def wish(world: World, rng: random.Random, number: int) -> Intent:
    """Something that an operator might want."""
    pool = world.config.pools["web"]
    member = rng.choice(pool.members)
    text = rng.choice([f"site/{member.site}", f"member/web/{member.name}", f"member/web/{member.name}", "pool/web"])
    now = world.clock.now
    starts = now + rng.choice([0.0, 0.0, 5.0, 20.0, 70.0, 400.0])
    expires = starts + rng.choice([3.0, 60.0, 900.0])
    common = (f"i{number}", Target.parse(text), "storm", "op", now, expires)
    kind = rng.choice([Drain, Drain, Drain, Hold, Force])
    if kind is Drain:
        return Drain(*common, starts=starts, percent=rng.choice([100, 100, 5, 30, 60]))
    if kind is Hold:
        return Hold(*common, starts=starts)
    return replace(Force(*common, starts=starts, up=rng.random() < 0.5), expires=rng.choice([None, expires]))


class Operators:
    """What intents mean for each publication. `seen` counts what was looked at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._members = world.config.pools["web"].members
        self._exclusive = world.config.pools["web"].exclusive
        self._held: dict[tuple[str, str], Verdict] = {}  # (node, address) -> as it was frozen
        self._due: dict[tuple[str, float], float] = {}  # (node, its start) -> when it must have published again
        self.seen = {"drained": 0, "moved": 0, "held": 0, "forced": 0, "stepped": 0}

    def __call__(self, publication: Publication) -> None:
        node, now = publication.node, publication.now
        served = {*publication.served, *publication.six}
        lives = live(publication.states) | live(publication.states, six=True)
        due = self._due.pop((node.name, node.settled_at), inf)
        assert now <= due + 1e-3, f"{node.name} served a TTL for {now - due:.2f} s beyond a start"
        for member in self._members:
            force, drain = self._deciding(Force, member, now), self._deciding(Drain, member, now)
            if isinstance(force, Force):
                self.seen["forced"] += 1
                assert force.up or served.isdisjoint(member.addresses), f"{member.name} is forced down, and served"
                assert not force.up or self._exclusive or lives.issuperset(member.addresses), (
                    f"{member.name} is forced up"
                )
            elif isinstance(drain, Drain) and drain.percent == 100:
                self.seen["drained"] += 1
                assert lives.isdisjoint(member.addresses), f"{member.name} is drained, and lives"
            elif isinstance(drain, Drain) and not self._exclusive:
                self._judge_part(publication, member, drain)
            self._judge_hold(publication, member)
        self._judge_ttl(publication)

    def _deciding(self, kind: type[Intent], member: Member, now: float) -> Intent | None:
        """By hand: the largest part, the most specific, the one that lasts longest."""
        found = [one for one in self._world.intents if isinstance(one, kind) and _on(one, member) and _holds(one, now)]
        order = ("member", "pool", "site")

        def rank(one: Intent) -> tuple[int, int, float, str]:
            ends = inf if one.expires is None else one.expires
            return -getattr(one, "percent", 0), order.index(one.target.kind), -ends, one.id

        return sorted(found, key=rank)[0] if found else None

    def _judge_part(self, publication: Publication, member: Member, drain: Drain) -> None:
        four = next(a for a in member.addresses if ":" not in a)
        members = publication.states["web"].values()
        hashes = {one.drained_with for one in members if one.drained_in_part and serves(one)}
        if fails_open(publication.leaf) or four not in live(publication.states) or len(hashes) > MOST_APART:
            return
        for network in NETWORKS:
            away = bucket(network.to_bytes(4, "big"), str(drain.target).encode()) < drain.percent
            if away and four in addresses_of(publication.leaf.select(Asker(network, self._world.rng))):  # type: ignore[arg-type]
                self.seen["moved"] += 1
                assert not self._others(publication, member, network), (
                    f"{network:x} gets {four}, kept away by {drain.id}"
                )

    def _others(self, publication: Publication, member: Member, network: int) -> list[str]:
        """The members that live and that this client may have."""
        found = []
        for other in self._members:
            drain = self._deciding(Drain, other, publication.now)
            force = self._deciding(Force, other, publication.now)
            percent = drain.percent if isinstance(drain, Drain) and not (isinstance(force, Force) and force.up) else 0
            away = bool(drain) and bucket(network.to_bytes(4, "big"), str(drain.target).encode()) < percent
            if other is not member and not away and not live(publication.states).isdisjoint(other.addresses):
                found.append(other.name)
        return found

    def _judge_hold(self, publication: Publication, member: Member) -> None:
        held = self._deciding(Hold, member, publication.now)
        for one in publication.states["web"][member.name].addresses:
            place, verdict = (publication.node.name, one.address), _by_health(one)
            if held is None or not publication.before:
                self._held.pop(place, None)
                continue
            self.seen["held"] += 1
            before = self._held.setdefault(place, verdict)
            assert before in (verdict, "unknown"), f"{one.address} was {before} when the hold began, and is {verdict}"

    def _judge_ttl(self, publication: Publication) -> None:
        for member in self._members:
            starts = [
                one.starts for one in self._world.intents if _takes_out(one, self._exclusive) and _on(one, member)
            ]
            starts = [at for at in starts if at > publication.now]
            four = next(a for a in member.addresses if ":" not in a)
            answers = [one for one in answers_of(publication.leaf) if four in addresses_of(one)]
            for ttl in {int.from_bytes(one.records[_TTL], "big") for one in answers if starts}:
                left = min(starts) - publication.now
                self.seen["stepped"] += ttl < 30
                assert ttl <= max(5.0, left), f"TTL {ttl} for {four}, {left:.2f} s before it is taken out"
                if ttl > 5:
                    place = publication.node.name, publication.node.settled_at
                    self._due[place] = min(min(starts) - ttl, self._due.get(place, inf))

    def begun(self, one: Intent) -> None:
        """A while after it began: no node is late."""
        for node in self._world.alive():
            if node.settled_at < self._world.clock.now - LATE and one in self._world.intents:
                self._judge_begun(node, one)

    def _judge_begun(self, node: Node, one: Intent) -> None:
        for member in self._members:
            if isinstance(one, Hold) or not _on(one, member):
                continue
            if self._deciding(type(one), member, self._world.clock.now) is one:
                state = node.states["web"][member.name]
                if isinstance(one, Force):
                    assert state.forced_down != one.up, f"{node.name} is late with {one.id}"
                elif self._deciding(Force, member, self._world.clock.now) is None and not self._exclusive:
                    assert state.drain == one.id, f"{node.name} is late with {one.id}: {state.drain}"

    def forget(self) -> None:
        """What was scheduled is no more, or nodes have stopped."""
        self._due.clear()


def _on(one: Intent, member: Member) -> bool:
    return one.target.covers("web", member.name, member.site)


def _holds(one: Intent, now: float) -> bool:
    return one.starts <= now and (one.expires is None or now < one.expires)


def _takes_out(one: Intent, exclusive: bool) -> bool:
    return (isinstance(one, Drain) and (one.percent == 100 or not exclusive)) or (isinstance(one, Force) and not one.up)


def _by_health(one: AddressState) -> Verdict:
    verdicts = [step.verdict for step in one.steps if step.name not in ("drain", "force", "exclusive")]
    return verdicts[-1] if verdicts else one.observed
