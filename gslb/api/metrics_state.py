"""Families of /metrics about what is believed and wanted: sites, intents, probers, votes, nodes, configuration."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gslb.api.families import Family, Sample, labelled
from gslb.control.controller import Controller
from gslb.health.states import States
from gslb.health.votes import Ballot
from gslb.intents import Intent
from gslb.store.roster import Registration


class Moment(NamedTuple):
    """What the families are made of, all of one moment: values that are replaced on a change, never changed."""

    now: float
    node: str
    digest: str
    loaded: float
    refused: bool
    states: States
    intents: tuple[Intent, ...]
    ballots: Mapping[str, Ballot]
    roster: Mapping[str, Registration]
    differing: frozenset[str]
    silent: float | None

    @classmethod
    def of(cls, controller: Controller) -> "Moment":
        """The present moment; on the thread of the loop."""
        intents = controller.intents
        return cls(
            time.time(),
            controller.plan.config.node.name,
            controller.plan.config.digest,
            controller.loaded,
            bool(controller.problems),
            controller.served.states if controller.served else {},
            (*intents.drains, *intents.holds, *intents.forces),
            controller.council.ballots,
            controller.store.roster(),
            frozenset(controller.presence.alarms),
            controller.store.condition().silent,
        )


def state_families(moment: Moment) -> Iterator[Family]:
    """All of them."""
    yield from _site_families(moment.states)
    yield from _intent_families(moment.intents, moment.now)
    yield from _prober_families(moment.ballots.values())
    yield from _node_families(moment)
    silent = [] if moment.silent is None else [Sample("", round(moment.silent, 3))]
    yield Family(
        "store_silent_seconds", "gauge", "How long ago the store answered last; left out: it never did.", silent
    )


def _site_families(states: States) -> Iterator[Family]:
    members: Counter[str] = Counter()
    live: Counter[str] = Counter()
    failing = []
    for pool, states_of in states.items():
        lives = 0
        for member in states_of.values():
            members[member.site] += 1
            live[member.site] += member.live
            lives += member.live
        failing.append(Sample(labelled(pool=pool), int(not lives)))
    yield Family("site_members", "gauge", "Members of pools at a site.", _by_site(members, members))
    yield Family("site_members_live", "gauge", "Members of pools at a site that are served.", _by_site(members, live))
    yield Family("pool_failing_open", "gauge", "1 while no member lives: all_down decides what is answered.", failing)


def _by_site(sites: Iterable[str], counts: Mapping[str, int]) -> list[Sample]:
    return [Sample(labelled(site=site), counts[site]) for site in sites]


def _intent_families(intents: Iterable[Intent], now: float) -> Iterator[Family]:
    current = [one for one in intents if one.state(now) in ("scheduled", "active")]
    counts = Counter((one.kind, str(one.state(now))) for one in current)
    kinds = [(kind, state) for kind in ("drain", "hold", "force") for state in ("active", "scheduled")]
    samples = [Sample(labelled(kind=kind, state=state), counts[kind, state]) for kind, state in kinds]
    yield Family("intents", "gauge", "Drains, holds and forces that hold now, or are to.", samples)
    labels = [labelled(kind=one.kind, target=str(one.target), id=one.id) for one in current]
    starts = [Sample(place, one.starts) for place, one in zip(labels, current, strict=True)]
    yield Family("intent_start_timestamp_seconds", "gauge", "When a drain, hold or force begins or began.", starts)
    ends = [Sample(place, one.expires) for place, one in zip(labels, current, strict=True) if one.expires is not None]
    text = "When a drain, hold or force ends by itself; left out: when somebody cancels it."
    yield Family("intent_expiry_timestamp_seconds", "gauge", text, ends)


def _prober_families(ballots: Iterable[Ballot]) -> Iterator[Family]:
    blind, votes = [], []
    for ballot in ballots:
        blind.append(Sample(labelled(prober=ballot.prober, site=ballot.site), int(bool(ballot.blind))))
        counts = Counter(seen.verdict for seen in ballot.verdicts.values())
        votes += [
            Sample(labelled(prober=ballot.prober, verdict=verdict), counts[verdict])
            for verdict in ("up", "down", "unknown")
        ]
    text = "1 while a prober has withdrawn its votes, because it does not see; one that is gone is left out."
    yield Family("prober_votes_withdrawn", "gauge", text, blind)
    yield Family("votes", "gauge", "Targets by what each prober holds of them.", votes)


def _node_families(moment: Moment) -> Iterator[Family]:
    peers, differing = [], []
    for node in moment.roster.values():
        place = {"peer": node.name, "site": node.site}
        peers.append(Sample(labelled(**place, version=node.version, digest=node.config), 1))
        differing.append(Sample(labelled(**place), int(node.name in moment.differing)))
    yield Family("peer_info", "gauge", "1 for each node that is registered, with what it says of itself.", peers)
    yield Family("peer_differing", "gauge", "1 while a node serves another configuration or other answers.", differing)
    info = [Sample(labelled(digest=moment.digest), 1)]
    yield Family("config_info", "gauge", "Always 1; the digest is equal on nodes that agree.", info)
    success = [Sample("", int(not moment.refused))]
    yield Family("config_reload_success", "gauge", "0 where the last reload was refused: see gslb status.", success)
