"""Where clients are sent: counted, and by right."""

from dataclasses import replace

import pytest

from gslb.api.families import Family
from gslb.api.metrics_answers import answer_families, duration_family, share_families
from gslb.config.model import Member, PolicyName, Pool
from gslb.server.stats import BATCH_BOUNDS, COUNTER_NAMES
from gslb.server.tallies import Tallied
from tests.support import OSAKA, TOKYO, config, states

HEAVY, LIGHT = replace(TOKYO, weight=60), replace(OSAKA, weight=40)


def values(family: Family) -> dict[str, float]:
    return {sample.labels: sample.value for sample in family.samples}


def shares(*members: Member, policy: PolicyName = "weighted", **changed: object) -> tuple[list[float], list[float]]:
    """Configured and present shares; `changed` goes to the state of the first member."""
    made = config(pools=[Pool("web", members, policy=policy)])
    seen = {pool: dict(those) for pool, those in states(made).items()}
    first = members[0].name
    seen["web"][first] = replace(seen["web"][first], **changed)  # type: ignore[arg-type]
    found = list(share_families(seen, made.pools))
    assert [family.name for family in found] == ["member_share_configured", "member_share"]
    configured, served = (list(values(family).values()) for family in found)
    return configured, served


def test_counts_by_zone_and_by_name_and_site() -> None:
    zones, answers = answer_families(
        Tallied({("a.", "AAAA"): 3}, {("a.", "www.a.", "tokyo"): 2, ("a.", "www.a.", ""): 1})
    )
    assert values(zones) == {'{zone="a.",type="AAAA"}': 3}
    assert values(answers) == {'{zone="a.",name="www.a.",site="tokyo"}': 2, '{zone="a.",name="www.a.",site=""}': 1}


def test_durations_add_up() -> None:
    totals = dict.fromkeys(COUNTER_NAMES, 0) | {"udp_within_50us": 2, "udp_within_1000us": 3, "udp_beyond": 1}
    family = duration_family(totals | {"udp_batch_us": 2_500_000})
    found = {sample.labels or sample.suffix: sample.value for sample in family.samples}
    assert (found['{le="0.00005"}'], found['{le="0.0005"}'], found['{le="0.001"}'], found['{le="0.1"}']) == (2, 2, 5, 5)
    assert (found['{le="+Inf"}'], found["_count"], found["_sum"]) == (6, 6, 2.5)
    assert len(found) == len(BATCH_BOUNDS) + 3


def test_shares_by_weight_follow_health_ramps_and_drains() -> None:
    assert shares(HEAVY, LIGHT) == ([0.6, 0.4], [0.6, 0.4])
    assert shares(HEAVY, LIGHT, addresses=()) == ([0.6, 0.4], [0.6, 0.4])  # a name that nobody probes
    assert shares(HEAVY, LIGHT, forced_down=True, addresses=()) == ([0.6, 0.4], [0.0, 1.0])
    assert shares(HEAVY, LIGHT, share=0.5) == (
        [0.6, 0.4],
        [pytest.approx(3 / 7, abs=1e-6), pytest.approx(4 / 7, abs=1e-6)],
    )
    assert shares(HEAVY, LIGHT, drain="d1", percent=50)[1] == shares(HEAVY, LIGHT, share=0.5)[1]


def test_standbys_share_evenly_where_nobody_else_lives() -> None:
    standby = replace(OSAKA, weight=0)
    assert shares(HEAVY, standby) == ([1.0, 0.0], [1.0, 0.0])
    assert shares(HEAVY, standby, forced_down=True, addresses=())[1] == [0.0, 1.0]


def test_shares_of_other_policies() -> None:
    assert shares(HEAVY, LIGHT, policy="all") == ([0.5, 0.5], [0.5, 0.5])
    assert shares(HEAVY, LIGHT, policy="failover") == ([1.0, 0.0], [1.0, 0.0])
    assert shares(HEAVY, LIGHT, policy="failover", forced_down=True, addresses=())[1] == [0.0, 1.0]
    assert shares(HEAVY, LIGHT, policy="nearest") == ([], [])


def test_where_nothing_lives_nobody_has_a_share() -> None:
    for policy in ("weighted", "failover"):
        assert shares(HEAVY, policy=policy, forced_down=True, addresses=()) == ([1.0], [0.0])  # type: ignore[arg-type]
