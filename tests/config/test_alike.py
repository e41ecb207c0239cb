"""Pools that differ by name alone have one number, others have none."""

from dataclasses import replace

import pytest

from gslb.config.alike import alike
from gslb.config.model import AllDown, Failback, Member, MinUp, MonitorSet, Pool

WEB = Pool("web", (Member("m", "tokyo", ("192.0.2.1",)),))
OTHERS = {
    "members": (Member("m", "tokyo", ("192.0.2.2",)),),
    "monitors": MonitorSet(("http",), 1),
    "policy": "hash",
    "answers": 2,
    "max_answers": 9,
    "all_down": AllDown("nodata"),
    "min_up": MinUp(2),
    "scope": "local",
    "requires": ("db",),
    "failback": Failback("manual"),
    "damping": None,
    "max_loss": 0.6,
    "ramp": 60.0,
    "exclusive": True,
    "family_down": "all_down",
    "load": 1.0,
    "capacities": (("tokyo", 1.0),),
}


def test_a_name_is_no_difference() -> None:
    several = replace(WEB, answers=2)
    pools = [WEB, several, replace(WEB, ramp=1.0), replace(several, name="b"), replace(WEB, name="c")]
    numbers = alike({str(at): pool for at, pool in enumerate(pools)})
    assert numbers["0"] == numbers["4"] != numbers["1"] == numbers["3"]
    assert "2" not in numbers


def test_everything_else_is_listed_here() -> None:
    assert ["name", *OTHERS] == list(Pool.__slots__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("field", OTHERS)
def test_everything_else_is_one(field: str) -> None:
    assert alike({"a": WEB, "b": replace(WEB, **{field: OTHERS[field]})}) == {}  # type: ignore[arg-type]
