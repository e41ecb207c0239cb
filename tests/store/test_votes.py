"""The votes of a node that is alone, and those that several share."""

import asyncio

from gslb.health.votes import Ballot
from gslb.store.votes import LEASE, RENEW, OwnVotes
from tests.store.shared_votes import SharedVotes


def test_a_node_that_is_alone_has_no_others() -> None:
    votes = OwnVotes()
    asyncio.run(votes.cast(Ballot("tokyo-1", "tokyo", {})))
    assert votes.ballots() == {}


def test_a_lease_outlives_some_lost_renewals() -> None:
    assert LEASE >= 3 * RENEW


def test_a_ballot_is_seen_by_the_others_until_its_lease_has_run_out() -> None:
    now = 100.0
    store = SharedVotes(lambda: now)
    mine, theirs = store.at("tokyo-1"), store.at("osaka-1")
    ballot = Ballot("tokyo-1", "tokyo", {})
    asyncio.run(mine.cast(ballot))
    assert mine.ballots() == {}
    assert theirs.ballots() == {"tokyo-1": ballot}
    now += LEASE - 0.1
    assert theirs.ballots() == {"tokyo-1": ballot}
    now += 0.1
    assert theirs.ballots() == {}
