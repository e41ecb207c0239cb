"""What is believed and wanted, from values."""

from gslb.api.families import Family
from gslb.api.metrics_state import Moment, state_families
from gslb.health.states import Observation, States, TargetKey
from gslb.health.votes import Ballot
from gslb.intents import Drain, Force, Hold, Intent, Target
from gslb.store.roster import Registration
from tests.support import OSAKA, TOKYO, config, states

NOW = 1_790_000_000.0
SITE = Target("site", "tokyo")


def found(
    *intents: Intent, seen: States | None = None, ballots: tuple[Ballot, ...] = (), silent: float | None = 0.5
) -> dict[str, dict[str, float]]:
    roster = {name: Registration(name, "tokyo", ("dns",), "1.0", "abc") for name in ("tokyo-1", "tokyo-2")}
    moment = Moment(
        *(NOW, "tokyo-1", "abc", NOW - 60, True),
        seen or {},
        intents,
        {ballot.prober: ballot for ballot in ballots},
        roster,
        frozenset({"tokyo-2"}),
        silent,
    )

    def values(family: Family) -> dict[str, float]:
        return {sample.labels: sample.value for sample in family.samples}

    return {family.name: values(family) for family in state_families(moment)}


def test_sites_and_pools_that_fail_open() -> None:
    made = config()
    seen = found(seen=states(made, down=TOKYO.addresses))
    assert seen["site_members"] == {'{site="tokyo"}': 1, '{site="osaka"}': 1}
    assert seen["site_members_live"] == {'{site="tokyo"}': 0, '{site="osaka"}': 1}
    assert seen["pool_failing_open"] == {'{pool="web"}': 0}
    everything = found(seen=states(made, down=(*TOKYO.addresses, *OSAKA.addresses)))
    assert everything["pool_failing_open"] == {'{pool="web"}': 1}


def test_intents_and_their_expiry() -> None:
    ended = Drain("d0", SITE, "why", "me", NOW - 90, NOW - 30)
    seen = found(
        Drain("d1", SITE, "why", "me", NOW - 60, NOW + 60),
        Hold("h1", Target("pool", "web"), "why", "me", NOW - 60, NOW + 90, starts=NOW + 30),
        Force("f1", Target("member", "tokyo", "web"), "why", "me", NOW - 60, None),
        ended,
    )
    assert {place for place, count in seen["intents"].items() if count} == {
        '{kind="drain",state="active"}',
        '{kind="hold",state="scheduled"}',
        '{kind="force",state="active"}',
    }
    assert len(seen["intents"]) == 6
    assert seen["intent_expiry_timestamp_seconds"] == {
        '{kind="drain",target="site/tokyo",id="d1"}': NOW + 60,
        '{kind="hold",target="pool/web",id="h1"}': NOW + 90,
    }
    assert seen["intent_start_timestamp_seconds"]['{kind="hold",target="pool/web",id="h1"}'] == NOW + 30
    assert seen["intent_start_timestamp_seconds"]['{kind="force",target="member/web/tokyo",id="f1"}'] == NOW - 60


def test_probers_and_their_votes() -> None:
    up, down = Observation("up", 0.0), Observation("down", 0.0)
    sees = Ballot(
        "tokyo-1", "tokyo", {TargetKey("web", "a"): up, TargetKey("web", "b"): down, TargetKey("web", "c"): up}
    )
    seen = found(ballots=(sees, Ballot("osaka-1", "osaka", {}, "no reference answers")))
    assert seen["prober_votes_withdrawn"] == {
        '{prober="tokyo-1",site="tokyo"}': 0,
        '{prober="osaka-1",site="osaka"}': 1,
    }
    assert seen["votes"]['{prober="tokyo-1",verdict="up"}'] == 2
    assert seen["votes"]['{prober="tokyo-1",verdict="down"}'] == 1
    assert seen["votes"]['{prober="osaka-1",verdict="up"}'] == 0


def test_nodes_configuration_and_store() -> None:
    seen = found()
    assert seen["peer_differing"] == {'{peer="tokyo-1",site="tokyo"}': 0, '{peer="tokyo-2",site="tokyo"}': 1}
    assert seen["peer_info"]['{peer="tokyo-1",site="tokyo",version="1.0",digest="abc"}'] == 1
    assert seen["config_info"] == {'{digest="abc"}': 1}
    assert seen["config_reload_success"] == {"": 0}
    assert seen["store_silent_seconds"] == {"": 0.5}
    assert found(silent=None)["store_silent_seconds"] == {}
