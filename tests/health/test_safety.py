"""What an intent may not take away."""

from dataclasses import replace

import pytest

from gslb.config.model import MinUp, Pool
from gslb.health.safety import shortages
from gslb.intents import Drain, Target
from tests.support import OSAKA, TOKYO, config, member, states

WEB = Pool("web", (TOKYO, OSAKA))
THREE = Pool("api", (TOKYO, OSAKA, member("nagoya", "203.0.113.10")), min_up=MinUp(2))
DOWN_IN_TOKYO = ["192.0.2.10", "2001:db8:a::10"]


def drained(target: str, drain_id: str = "d-1") -> Drain:
    return Drain(drain_id, Target.parse(target), "test", "ops", 0.0, 1000.0)


def told(pools: list[Pool], target: str, *, down: list[str] | None = None, drains: tuple[Drain, ...] = ()) -> list[str]:
    setting = config(pools=pools)
    found = shortages(setting, states(setting, down=down or []), drains, Target.parse(target), 1.0)
    return list(map(str, found))


def test_one_of_two_may_go_and_the_last_may_not() -> None:
    assert told([WEB], "site/tokyo") == []
    assert told([WEB], "site/osaka", down=DOWN_IN_TOKYO) == ["pool web would keep 0 of 1 live members, and needs 1"]
    assert told([WEB], "pool/web") == ["pool web would keep 0 of 2 live members, and needs 1"]


def test_what_is_out_already_may_always_be_drained() -> None:
    assert told([WEB], "site/tokyo", down=DOWN_IN_TOKYO) == []
    everything = ["192.0.2.10", "2001:db8:a::10", "198.51.100.10", "2001:db8:b::10"]
    assert told([WEB], "pool/web", down=everything) == []
    assert told([WEB], "member/web/tokyo", drains=(drained("site/tokyo"),)) == []


def test_drains_that_are_not_served_by_yet_count() -> None:
    assert told([WEB], "site/osaka", drains=(drained("site/tokyo"),)) != []
    assert told([WEB], "site/osaka", drains=(replace(drained("site/tokyo"), removed=0.5),)) == []


def test_min_up_counts_and_every_pool_is_looked_at() -> None:
    assert told([WEB, THREE], "site/tokyo") == []
    assert told([WEB, THREE], "site/osaka", drains=(drained("member/api/tokyo"),)) == [
        "pool api would keep 1 of 2 live members, and needs 2"
    ]


@pytest.mark.parametrize("target", ["site/nagoya", "pool/none", "member/web/nagoya"])
def test_what_covers_nobody_takes_nothing_away(target: str) -> None:
    assert told([WEB], target) == []


def test_before_anything_is_served_nothing_is_judged() -> None:
    assert shortages(config(), {}, (), Target.parse("pool/web"), 1.0) == []
