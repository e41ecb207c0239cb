"""Belief from votes: this node's own ballot, those of the other probers, and what the majority makes of them."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from gslb.config.model import Config
from gslb.errors import StoreError
from gslb.health.blind import Doubt, blindness, recovery, trusted
from gslb.health.quorum import believe
from gslb.health.states import UNKNOWN, Belief, TargetKey
from gslb.health.votes import Ballot, Ballots, Vote, votes_on
from gslb.probe.references import groups_of, references_of
from gslb.probe.targets import sites_of
from gslb.store.votes import RENEW, Votes

RETURN = 2.0  # seconds after the store's return in which every prober casts what it found meanwhile
MUTE = 3.0  # seconds without a ballot that could be cast, after which those of others are taken for old as well
GAP = 0.05  # seconds between casts, when a whole site dies target by target

log = logging.getLogger("gslb.control")


class Council:
    """What is believed, and who said so. `verdicts` gives the own prober's; all methods are for one event loop.

    `clock` is the time that verdicts are told in; `steady`, which nobody sets, measures how long the store was away.
    """

    def __init__(
        self,
        config: Config,
        verdicts: Callable[[], Belief],
        votes: Votes,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.belief: Belief = {}
        self.local: Belief = {}  # of the probers at this site alone
        self.ballots: Ballots = {}
        self.blind = ""
        self._verdicts = verdicts
        self._votes = votes
        self._clock = clock
        self._steady = steady
        self.lost = False  # whether the store was, when the votes were counted last
        self.trouble = ""  # why the own ballot could not be cast
        self._mute_since = float("inf")  # when that began
        self._lost_at = float("-inf")  # when it was so last
        self._since = 0.0  # when this prober became blind
        self._doubt: Doubt | None = None
        self._hurry = asyncio.Event()
        self.update(config)

    def update(self, config: Config) -> None:
        """Follow a new config."""
        self._config = config
        self._sites: Mapping[TargetKey, str] = sites_of(config)
        references = references_of(config)
        self._references = groups_of(config)
        self._probes = "probe" in config.node.roles
        self._alone = {name: replace(one, min_votes=1) for name, one in config.monitors.items()}
        self._lag = max((one.detection for one in references.values()), default=0.0)  # until blindness is noticed

    def restore(self, belief: Belief) -> None:
        """Begin with what was believed before a restart, or known to be down long before."""
        self.belief = belief

    def decide(self) -> None:
        """Count the votes that are known now."""
        own, monitors = self._own(), self._config.monitors
        others = self._others()
        self.lost = self._out_of_touch()  # asked last: ballots that vanish with the store are never counted by halves
        self.ballots = ({} if self.lost else others) | ({own.prober: own} if self._probes else {})
        if self.lost:
            self._decide_alone(own)
        else:
            self.belief = believe(monitors, self._sites, self.ballots, self.belief)
        if any(pool.scope == "local" for pool in self._config.pools.values()):
            nearby = {name: one for name, one in self.ballots.items() if one.site == own.site}
            self.local = believe(monitors, self._sites, nearby, self.local)
        else:
            self.local = {}

    def _out_of_touch(self) -> bool:
        """Whether the votes of others cannot be known. A store that comes back has those from before at first; one that
        takes no ballot from here, being full for example, takes none from others."""
        now = self._steady()
        if self._votes.lost or now - self._mute_since >= MUTE:
            self._lost_at = now
        return now - self._lost_at < RETURN

    @property
    def follows(self) -> str:
        """What belief follows, in words."""
        if not self.lost:
            return "votes"
        return "own votes" if self._probes and self._config.node.store.loss == "own_votes" else "nothing: it is frozen"

    def _decide_alone(self, own: Ballot) -> None:
        """Nobody knows what the others see: this node's own prober decides, unless it is to leave all as it is.

        A prober that sees nothing has no votes, and then nothing moves either.
        """
        decides = self._probes and self._config.node.store.loss == "own_votes"
        self.belief = believe(self._alone, self._sites, {own.prober: own} if decides else {}, self.belief)

    def knows(self) -> bool:
        """Whether something is believed of every target by now: one's own first round may not be enough for that."""
        self.decide()
        return all(seen.verdict != "unknown" for seen in self.belief.values())

    def votes(self, key: TargetKey) -> list[Vote]:
        """Who says what of a target, as counted last."""
        return votes_on(key, self.ballots)

    def _own(self) -> Ballot:
        node, verdicts = self._config.node, self._verdicts()
        seen = ((verdicts.get(key, UNKNOWN).verdict for key in group) for group in self._references)
        blind = blindness(seen, verdicts, self._sites, node.site, chosen=bool(node.references))
        if bool(blind) != bool(self.blind):
            self._turn(blind)
        self.blind = blind
        return Ballot(node.name, node.site, {} if blind else self._trusted(verdicts), blind)

    def _turn(self, blind: str) -> None:
        """Note that this prober sees no longer, or again."""
        if blind:
            log.warning("this prober is blind, its votes are withdrawn: %s", blind)
            self._since = self._doubt.began if self._doubt else self._clock() - self._lag
        else:
            log.warning("this prober sees again")
            self._doubt = Doubt(self._since, self._clock())

    def _trusted(self, verdicts: Belief) -> Belief:
        """The verdicts without what was found in the dark."""
        if self._doubt is None:
            return verdicts
        now, monitors = self._clock(), self._config.monitors
        if now >= self._doubt.ended + max(map(recovery, monitors.values()), default=0.0):
            self._doubt = None
            return verdicts
        return trusted(verdicts, monitors, self._doubt, now)

    def hurry(self) -> None:
        """Cast at once: a verdict has changed, and others wait for the vote."""
        self._hurry.set()

    async def keep_casting(self, changed: Callable[[], None]) -> None:
        """Keep the own ballot cast, and call `changed` where those of others are not what was counted last."""
        self._votes.watch(lambda: self._look(changed))
        while True:
            self._hurry.clear()
            own = self._own()
            if self._probes:
                await self._cast(own)
            self._look(changed)
            if self._counted_otherwise(own):
                changed()
            await asyncio.sleep(GAP)
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW - GAP):
                    await self._hurry.wait()

    async def _cast(self, own: Ballot) -> None:
        began = self._steady()
        try:
            await self._votes.cast(own)
        except StoreError as error:
            if not self.trouble:
                log.error("votes cannot be shared: %s", error)
                self._mute_since = began
            self.trouble = f"votes cannot be shared: {error}"
        else:
            self.trouble, self._mute_since = "", float("inf")

    def _look(self, changed: Callable[[], None]) -> None:
        """Whether the ballots of others are as they were counted; a lease that runs out is told by nobody."""
        counted = {name: one for name, one in self.ballots.items() if name != self._config.node.name}
        others, lost = self._others(), self._out_of_touch()
        if lost != self.lost or (not lost and others != counted):
            changed()

    def _others(self) -> dict[str, Ballot]:
        """The ballots of the other probers of the configuration; of anybody, where it lists none."""
        known = self._config.probers
        return {name: one for name, one in self._votes.ballots().items() if name in known or not known}

    def _counted_otherwise(self, own: Ballot) -> bool:
        if not self._probes:
            return False
        counted = self.ballots.get(own.prober)
        return counted is None or counted.blind != own.blind or counted.verdicts.keys() != own.verdicts.keys()
