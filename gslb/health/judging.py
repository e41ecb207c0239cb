"""One pool at one moment: the steps of gslb.health.effective in their order. Pure."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple

from gslb.config.model import Config, Member, Pool
from gslb.health.guard import Down, guard
from gslb.health.memory import Loss, Past, PoolPast
from gslb.health.ramp import ramped
from gslb.health.returning import Return, moved_on, returning
from gslb.health.states import UNKNOWN, AddressState, Belief, MemberState, Observation, Step, TargetKey, Verdict
from gslb.health.votes import Ballot, Ballots, calls_down, voters
from gslb.health.wanted import told, wanted
from gslb.intents import Drain, Force, Hold, Intent, intent_on

Fails = Callable[[Pool, str], bool]  # whether an address fails the monitors of a pool
Judged = tuple[Mapping[str, MemberState], PoolPast, float | None]


class Inputs(NamedTuple):
    """What is known and wanted, intents that have not begun among it. `local` is what the probers at this node's site
    believe, for pools of that scope; `settled`: the first round had its time, so unknown counts as up; `ranged`: pools
    whose TTL depends on calm; `alike`: see gslb.config.alike."""

    belief: Belief
    drains: Sequence[Drain] = ()
    holds: Sequence[Hold] = ()
    forces: Sequence[Force] = ()
    local: Belief = MappingProxyType({})
    ballots: Ballots = MappingProxyType({})
    settled: bool = True
    ranged: Set[str] = frozenset()
    alike: Mapping[str, int] = MappingProxyType({})

    @property
    def intents(self) -> tuple[Intent, ...]:
        """All of them."""
        return (*self.drains, *self.holds, *self.forces)

    def current(self, now: float) -> "Inputs":
        """Without the intents that are over at `now`."""
        if not (self.drains or self.holds or self.forces):
            return self
        return self._replace(
            drains=[one for one in self.drains if one.state(now) in _CURRENT],
            holds=[one for one in self.holds if one.state(now) in _CURRENT],
            forces=[one for one in self.forces if one.state(now) in _CURRENT],
        )


_CURRENT: Final = ("scheduled", "active")


class _Address:
    """One address on its way through the steps; `was` is its past."""

    __slots__ = ("address", "calm", "member", "observed", "past", "reason", "steps", "verdict", "wait", "was")

    def __init__(self, member: Member, address: str, was: Past | None) -> None:
        self.member = member
        self.address = address
        self.was = was
        self.observed: Verdict = "unknown"
        self.verdict: Verdict = "unknown"
        self.reason = ""
        self.calm = True
        self.steps: list[Step] = []
        self.past = was or Past("unknown", 0.0, "unknown")
        self.wait = Return()

    def step(self, name: str, verdict: Verdict, why: str) -> None:
        """Take a verdict, and note why."""
        self.verdict = verdict
        self.steps.append(Step(name, verdict, why))

    def state(self) -> AddressState:
        """What became of it."""
        reason = "; ".join(filter(None, (*(step.why for step in reversed(self.steps)), self.reason)))
        return AddressState(self.address, self.observed, self.verdict, reason, tuple(self.steps), self.calm)


def judge_pool(config: Config, pool: Pool, inputs: Inputs, past: PoolPast, now: float) -> Judged:
    """The states of a pool's members, what is remembered of them, and when they change by themselves."""
    work = _Work(config, pool, inputs, past, now)
    work.stand()
    work.let_wait()
    losses = work.limit()
    work.freeze()
    ramps, shares = work.ramp()
    places = {
        (one.member.name, one.address): one.past
        if one.past.served == one.verdict
        else Past(one.past.stands, one.past.since, one.verdict, *one.past[3:])
        for one in work.addresses
    }
    work.obey()
    only = work.exclude() if pool.exclusive else ""
    return work.states(shares), PoolPast(places, losses, ramps, only), min(work.at, default=None)


class _Work:
    """The steps of one pool; `at` collects when the result changes by itself."""

    def __init__(self, config: Config, pool: Pool, inputs: Inputs, past: PoolPast, now: float) -> None:
        self.config = config
        self.pool = pool
        self.inputs = inputs
        self.past = past
        self.now = now
        self.at: list[float] = []
        self.addresses = [
            _Address(member, address, past.addresses.get((member.name, address)))
            for member in pool.members
            for address in member.addresses
        ]
        self.wanted = wanted(pool, inputs.drains, inputs.holds, inputs.forces, now)
        self.at += self.wanted.at

    def stand(self) -> None:
        """Steps 1 and 2: what health says of each address."""
        for one in self.addresses:
            one.observed, one.reason, calm = self._observe(self.pool, one.member.checked(one.address))
            one.verdict = one.observed
            if self.pool.name in self.inputs.ranged:
                one.calm = calm
            if one.verdict == "unknown" and self.inputs.settled:
                one.step("observed", "up", "counts as up until the first result")
            for name in self.pool.requires if one.verdict == "up" else ():
                if not self._site_lives(self.config.pools[name], one.member.site, self._fails):
                    one.step("requires", "down", f"pool {name} is down at {one.member.site}")
            one.past = moved_on(self.pool, one.was, one.verdict, self.now)
            stayed = one.was and one.was.served == "up" and (one.was.stands == "down" or self._is_only(one))
            if one.verdict == "up" and stayed:
                one.past = one.past._replace(waiting=False, suppressed=False)  # it was never out: nothing returns

    def _observe(self, pool: Pool, address: str) -> tuple[Verdict, str, bool]:
        """The composite of a pool's monitors, with the reason, and whether all is calm; without monitors, up."""
        monitors = pool.monitors.of
        if len(monitors) == 1:  # the usual case
            found = self._belief(pool, TargetKey(monitors[0], address))
            if found.verdict == "up" and not found.no_quorum:
                return "up", "", found.calm
        seen = [(name, self._belief(pool, TargetKey(name, address))) for name in monitors]
        verdicts = [observation.verdict for _, observation in seen]
        calm = all(observation.calm for _, observation in seen)
        unsure = " (no quorum)" if any(observation.no_quorum for _, observation in seen) else ""
        if verdicts.count("up") >= pool.monitors.at_least:
            return "up", unsure.strip(), calm
        if len(seen) - verdicts.count("down") < pool.monitors.at_least:
            down = [f"{name}: {found.reason or 'down'}" for name, found in seen if found.verdict == "down"]
            return "down", "; ".join(down) + unsure, calm
        waiting = ", ".join(name for name, found in seen if found.verdict == "unknown")
        return "unknown", f"no result yet from {waiting}{unsure}", calm

    def _belief(self, pool: Pool, key: TargetKey) -> Observation:
        if pool.scope == "local":
            nearby = self.inputs.local.get(key, UNKNOWN)
            if nearby.verdict != "unknown" and not nearby.no_quorum:  # what they said once is no verdict
                return nearby
        return self.inputs.belief.get(key, UNKNOWN)

    def _fails(self, pool: Pool, address: str) -> bool:
        return self._observe(pool, address)[0] == "down"

    def _site_lives(self, required: Pool, site: str, fails: Fails) -> bool:
        """Whether a member of the required pool at the site is observed up, or may be: unknown takes nobody out."""
        return any(self._member_lives(required, member, fails) for member in required.members if member.site == site)

    def _member_lives(self, required: Pool, member: Member, fails: Fails) -> bool:
        force = intent_on(self.inputs.forces, required.name, member.name, member.site, self.now)
        return force.up if force else not all(fails(required, address) for address in member.probed)

    def let_wait(self) -> None:
        """Steps 3 and 4: what stands again may have to wait, unless nothing else lives."""
        for one in self.addresses:
            if one.verdict != "up" or not (one.past.waiting or one.past.suppressed):
                continue
            one.past, one.wait = returning(self.pool, one.past, self.now)
            if one.wait.step:
                one.step(one.wait.step, "down", one.wait.why)
                self.at += [one.wait.at] if one.wait.at is not None else []
        waiting = [one for one in self.addresses if one.wait.step and not one.wait.firm]
        able = [one for one in self.addresses if self._will_serve(one)] if waiting else []
        families = {":" in one.address for one in [one for one in able if self._is_only(one)] or able}
        for one in waiting:
            if (":" in one.address) not in families:
                one.step(one.wait.step, "up", f"{one.wait.step} ignored: nothing else lives")
                if one.wait.step == "damping":  # failback has let it in
                    one.past = one.past._replace(waiting=False)

    def _is_only(self, one: _Address) -> bool:
        return one.member.name == self.past.only  # served last where one may be

    def _will_serve(self, one: _Address) -> bool:
        force = self.wanted.forces.get(one.member.name)
        return force.up if force else one.verdict == "up" and one.member.name not in self.wanted.drains

    def limit(self) -> Mapping[str, Loss]:
        """Step 5: blast radius."""
        if self.pool.max_loss >= 1 or self.pool.exclusive:  # where one is served, one can be lost
            return {}
        standing = {one.member.name for one in self.addresses if one.verdict != "down"}
        down = {one.member.name for one in self.addresses} - standing
        if not down:
            return {}
        served = {one.member.name for one in self.addresses if one.was and one.was.served == "up"}
        losing = down & served - self.wanted.drains.keys()
        if not losing:  # those that are over are dropped when the next is judged
            return {name: loss for name, loss in self.past.losses.items() if name in down}
        losses, held, at = guard(self.pool, self.past.losses, Down(down, losing), self.now, self._agree)
        for one in (one for one in self.addresses if one.member.name in held):
            if one.was and one.was.served == "up":
                one.step("blast radius", "up", f"held: more than {self.pool.max_loss:.0%} would be lost at once")
        self.at += [at] if at is not None else []
        return losses

    def _agree(self, members: Set[str], sites: Set[str]) -> bool:
        """Whether every voter outside the sites, and at least one, calls all of these members down."""
        outside = [ballot for ballot in voters(self.inputs.ballots) if ballot.site not in sites and ballot.verdicts]
        those = [one for one in self.addresses if one.member.name in members]
        return bool(outside) and all(self._calls_down(ballot, one) for ballot in outside for one in those)

    def _calls_down(self, ballot: Ballot, one: _Address) -> bool:
        """Whether a voter takes the address for down, or what it requires at its site."""
        fails, required = partial(calls_down, ballot), map(self.config.pools.__getitem__, self.pool.requires)
        lives = all(self._site_lives(pool, one.member.site, fails) for pool in required)
        return not lives or fails(self.pool, one.member.checked(one.address))

    def freeze(self) -> None:
        """Step 6: an operator's hold."""
        for one in self.addresses if self.wanted.holds else ():
            hold = self.wanted.holds.get(one.member.name)
            if hold and one.was and one.was.served not in (one.verdict, "unknown"):
                one.step("hold", one.was.served, f"held: {told(hold)}")

    def ramp(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Step 7: when each returning member began, and the share of its weight that it has."""
        if not self.pool.ramp:
            return {}, {}
        began, shares = {}, {}
        for member in self.pool.members:
            those = [one for one in self.addresses if one.member is member]
            if not any(one.verdict == "up" for one in those):
                continue
            start = self.past.ramps.get(member.name)
            if start is None and all(one.was and one.was.served == "down" for one in those):
                start = self.now
            if start is not None:
                found = ramped(start, self.pool.ramp, self.now)
                if found.at is not None:
                    began[member.name], shares[member.name] = start, found.share
                    self.at.append(found.at)
                    for one in (one for one in those if one.verdict == "up"):
                        one.step("ramp", "up", f"returned, ramps up: {found.share:.0%} of its weight")
        return began, shares

    def obey(self) -> None:
        """Step 8: an operator's drain, then force."""
        for one in self.addresses:
            name = one.member.name
            if drain := self.wanted.drains.get(name):
                one.step("drain", "down", f"drained: {told(drain)}")
            elif part := self.wanted.parts.get(name):
                effect = "not drained, since one member serves all," if self.pool.exclusive else "drained"
                one.step("drain", one.verdict, f"{effect} for {part.percent} % of the clients: {told(part)}")
            if force := self.wanted.forces.get(name):
                one.step("force", "up" if force.up else "down", f"forced: {told(force)}")

    def exclude(self) -> str:
        """Who stays up: what an operator forces, the one served last, the first by priority."""
        up = {one.member.name: one.member for one in self.addresses if one.verdict == "up"}
        if not up:
            return self.past.only
        able = {name: up[name] for name, force in self.wanted.forces.items() if force.up and name in up} or up
        chosen = self.past.only if self.past.only in able else min(able.values(), key=lambda one: one.priority).name
        for one in self.addresses if len(up) > 1 else ():
            if one.member.name != chosen and one.verdict == "up":
                one.step("exclusive", "down", f"{len(up)} members are up where one may be: {chosen} stays")
        return chosen

    def states(self, shares: Mapping[str, float]) -> Mapping[str, MemberState]:
        """The result."""
        by_member: dict[str, list[AddressState]] = {member.name: [] for member in self.pool.members}
        for one in self.addresses:
            by_member[one.member.name].append(one.state())
        return {member.name: self._member(member, by_member[member.name], shares) for member in self.pool.members}

    def _member(self, member: Member, those: Sequence[AddressState], shares: Mapping[str, float]) -> MemberState:
        name, want = member.name, self.wanted
        drain, share = want.drain_of(name), shares.get(name, 1.0)
        down = name in want.forces and not want.forces[name].up
        state = MemberState(name, member.site, tuple(those), "", down, share, ttl=want.ttls.get(name))
        if drain is None or (self.pool.exclusive and name in want.parts):
            return state
        return replace(state, drain=drain.id, percent=drain.percent, drained_with=str(drain.target))
