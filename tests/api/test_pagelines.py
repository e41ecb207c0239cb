"""Families written by hand, read back by Prometheus' own parser."""

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from gslb.api.pagelines import history_lines, member_lines, pool_lines, written
from gslb.config.model import MinUp, Pool
from gslb.health.record import Figures, Row
from gslb.health.states import AddressState, MemberState
from tests.support import OSAKA, TOKYO, config, states

ODD = 'a "quoted\\name"\nin two lines'


def families(page: str) -> dict[str, Metric]:
    return {family.name.removeprefix("gslb_"): family for family in text_string_to_metric_families(page)}


def values(page: str, family: str) -> dict[str, float]:
    """By the values of the labels in their order."""
    return {" ".join(s.labels.values()): s.value for s in families(page)[family].samples}


def test_the_history_of_members_pools_and_sites() -> None:
    figures = Figures(300.0, 100.0, 2)
    rows = [
        Row("member", "web", "tokyo", "jp", "24h", figures, Figures()),
        Row("pool", "web", "", "", "7d", figures, Figures()),
        Row("site", "", "", "jp", "30d", figures, Figures()),
    ]
    page = history_lines(rows)
    for family, value in (("availability", 0.75), ("mtbf_seconds", 150.0), ("mttr_seconds", 50.0)):
        assert values(page, f"member_{family}") == {"web tokyo jp 24h": value}
        assert values(page, f"pool_{family}") == {"web 7d": value}
        assert values(page, f"site_{family}") == {"jp 30d": value}
    assert {family.type for family in families(page).values()} == {"gauge"}
    assert {tuple(s.labels) for f in families(page).values() for s in f.samples} == {
        ("pool", "member", "site", "span"),
        ("pool", "span"),
        ("site", "span"),
    }


def test_what_is_not_known_is_left_out() -> None:
    rows = [
        Row("member", "web", "tokyo", "jp", "24h", Figures(), Figures(3, 1, 1)),
        Row("member", "web", "osaka", "jp", "24h", Figures(5.0, 0.0, 0), Figures()),
    ]
    page = history_lines(rows)
    assert values(page, "member_availability") == {"web osaka jp 24h": 1.0}
    assert not values(page, "member_mtbf_seconds")
    assert not values(page, "member_mttr_seconds")


def test_names_are_escaped() -> None:
    state = MemberState(ODD, ODD, (AddressState("192.0.2.1", "up", "up"),), "")
    found = families(
        member_lines({ODD: {ODD: state}}) + history_lines([Row("site", "", "", ODD, "7d", Figures(1.0), Figures())])
    )
    (live,) = found["member_live"].samples
    assert live.labels == {"pool": ODD, "member": ODD, "site": ODD}
    assert live.value == 1
    assert [s.labels["state"] for s in found["address_state"].samples if s.value] == ["up"]
    assert [s.labels for s in found["site_availability"].samples] == [{"site": ODD, "span": "7d"}]


def test_pools_below_min_up() -> None:
    pools = [
        Pool("one", (TOKYO, OSAKA)),
        Pool("two", (TOKYO, OSAKA), min_up=MinUp(2)),
        Pool("none", (TOKYO,), exclusive=True),
    ]
    made = config(pools=pools)
    page = pool_lines(states(made, down=TOKYO.addresses), made.pools)
    assert values(page, "pool_healthy") == {"one": 1, "two": 0, "none": 0}
    assert values(page, "pool_below_min_up") == {"one": 0, "two": 1, "none": 0}
    assert values(page, "pool_exclusive") == {"one": 0, "two": 0, "none": 1}


def test_the_whole_names_every_family_once() -> None:
    made = config()
    page = written(states(made), made.pools, [])
    heads = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)) == 3 + 3 + 9
