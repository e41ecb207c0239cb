"""Who probes, and who said what."""

from dataclasses import replace

from gslb.api.voting import all_probers, target_view
from gslb.config.model import Prober
from gslb.health.states import Observation, TargetKey
from gslb.health.votes import Ballot
from tests.support import config

KEY = TargetKey("web", "192.0.2.10")
BALLOTS = {
    "a": Ballot("a", "tokyo", {KEY: Observation("up", 1.0)}),
    "b": Ballot("b", "osaka", {}, "no references"),
}


def test_probers_that_are_configured_or_vote() -> None:
    known = replace(config(), probers={name: Prober(name, "tokyo") for name in ("a", "c")})
    found = {one["name"]: one for one in all_probers(known, BALLOTS)}
    assert [(n, one["configured"], one["present"], one["votes"]) for n, one in found.items()] == [
        ("a", True, True, 1),
        ("b", False, True, 0),
        ("c", True, False, 0),
    ]
    assert (found["b"]["blind"], found["c"]["site"]) == ("no references", "tokyo")
    assert all(one["configured"] for one in all_probers(config(), BALLOTS))


def test_the_votes_on_a_target() -> None:
    belief = {KEY: Observation("up", 1.0, no_quorum=True)}
    view = target_view(KEY, "tokyo", belief, BALLOTS)
    assert (view["monitor"], view["address"], view["site"], view["quorum"]) == (*KEY, "tokyo", False)
    assert [vote["prober"] for vote in view["votes"]] == ["a"]
