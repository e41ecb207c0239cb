"""Belief from votes: this node's own ballot, those of the other probers, and what the majority makes of them."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from gslb.config.model import Config
from gslb.errors import StoreError
from gslb.health.blind import blindness
from gslb.health.quorum import believe
from gslb.health.states import UNKNOWN, Belief, TargetKey
from gslb.health.votes import Ballot, Ballots, Vote, votes_on
from gslb.probe.references import references_of
from gslb.probe.targets import sites_of
from gslb.store.votes import RENEW, Votes

log = logging.getLogger("gslb.control")


class Council:
    """What is believed, and who said so. `verdicts` gives the own prober's; all methods are for one event loop."""

    def __init__(self, config: Config, verdicts: Callable[[], Belief], votes: Votes) -> None:
        self.belief: Belief = {}
        self.local: Belief = {}  # of the probers at this site alone
        self.ballots: Ballots = {}
        self.blind = ""
        self._verdicts = verdicts
        self._votes = votes
        self.update(config)

    def update(self, config: Config) -> None:
        """Follow a new config."""
        self._config = config
        self._sites: Mapping[TargetKey, str] = sites_of(config)
        self._references = tuple(references_of(config))

    def restore(self, belief: Belief) -> None:
        """Begin with what was believed before a restart."""
        self.belief = belief

    def decide(self) -> None:
        """Count the votes that are known now."""
        own = self._own()
        self.ballots = {**self._votes.ballots(), own.prober: own}
        monitors = self._config.monitors
        self.belief = believe(monitors, self._sites, self.ballots, self.belief)
        nearby = {name: one for name, one in self.ballots.items() if one.site == own.site}
        if any(pool.scope == "local" for pool in self._config.pools.values()):
            self.local = believe(monitors, self._sites, nearby, self.local)

    def votes(self, key: TargetKey) -> list[Vote]:
        """Who says what of a target, as counted last."""
        return votes_on(key, self.ballots)

    def _own(self) -> Ballot:
        node, verdicts = self._config.node, self._verdicts()
        seen = [verdicts.get(key, UNKNOWN).verdict for key in self._references]
        blind = blindness(seen, verdicts, self._sites, node.site)
        if blind != self.blind:
            log.warning("this prober is blind, its votes are withdrawn: %s", blind) if blind else log.warning(
                "this prober sees again"
            )
            self.blind = blind
        return Ballot(node.name, node.site, {} if blind else verdicts, blind)

    async def keep_casting(self, changed: Callable[[], None]) -> None:
        """Renew the own ballot, and call `changed` where those of others are not what was counted last."""
        troubled = False
        while True:
            try:
                await self._votes.cast(self._own())
                troubled = False
            except StoreError as error:
                if not troubled:
                    log.error("votes cannot be shared: %s", error)
                troubled = True
            others = {name: one for name, one in self.ballots.items() if name != self._config.node.name}
            if self._votes.ballots() != others or bool(self.blind) != self._counted_blind():
                changed()
            await asyncio.sleep(RENEW)

    def _counted_blind(self) -> bool:
        own = self.ballots.get(self._config.node.name)
        return bool(own and own.blind)
