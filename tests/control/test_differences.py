"""What another configuration adds, takes away and changes."""

from dataclasses import replace

import pytest

from gslb.config.model import Config, Pool, Rule, Service, Site, Zone
from gslb.control.differences import differences
from gslb.dns.message import HTTPS
from gslb.dns.name import from_text
from tests.support import APEX, BASICS, OSAKA, TOKYO, config, name, records

WEB = Rule(("web",))


def named(count: int, *more: str) -> Config:
    return config(names=[name(label, WEB) for label in (*(f"n{at}" for at in range(count)), *more)])


def test_equal_configurations_do_not_differ() -> None:
    found = differences(named(3), named(3))
    assert found.told() == "no name is another"
    assert found.view() == {
        "zones": {"added": [], "removed": [], "changed": []},
        "names": {"added": [], "removed": [], "changed": []},
        "too_much": "",
    }


@pytest.mark.parametrize(("before", "after", "too_much"), [(10, 7, False), (10, 6, True), (3, 2, True), (2, 2, False)])
def test_more_than_three_names_of_ten_are_too_much(before: int, after: int, too_much: bool) -> None:
    found = differences(named(before), named(after, "new"))
    assert bool(found.too_much()) == too_much
    assert found.names_added == (f"new.{APEX}",)
    assert len(found.names_removed) == before - after


def test_what_would_go_is_told() -> None:
    other = Zone(from_text("example.net."), records(*BASICS, origin="example.net."), ())
    found = differences(replace(named(10), zones={**named(10).zones, other.apex: other}), named(2))
    listed = ", ".join(f"n{at}.{APEX}" for at in range(2, 7))
    assert found.too_much() == f"it takes away 1 zone (example.net.) and 8 of 10 names, 80% ({listed} and 3 more)"
    assert found.told() == "1 zone removed, 8 names removed"


def test_without_names_none_go() -> None:
    assert differences(named(0), named(2)).too_much() == ""


def test_records_of_a_zone() -> None:
    before = config(["a 60 A 192.0.2.1", "b 60 A 192.0.2.2"])
    after = config(["a 60 A 192.0.2.1", "b 90 A 192.0.2.2", "c 60 A 192.0.2.3"])
    assert differences(before, after).zones_changed == {APEX: "1 record removed, 2 records added"}


def test_what_changed_about_a_name() -> None:
    pools = [Pool("web", (TOKYO, OSAKA)), Pool("other", (OSAKA,)), Pool("needs", (TOKYO,), requires=("web",))]
    names = [name("www", WEB), name("o", Rule(("other",))), name("n", Rule(("needs",)))]
    before = config(pools=pools, names=names)
    heavier = config(pools=[replace(pools[0], members=(TOKYO,)), *pools[1:]], names=names)
    assert differences(before, heavier).names_changed == {f"www.{APEX}": "pool web", f"n.{APEX}": "pool web"}
    service = Service(HTTPS, 1, b"\0", ())
    changes = {
        "TTL 30 -> 45": name("www", WEB, ttl=45),
        "TTL 30 -> 5 to 30": replace(name("www", WEB), ttl_min=5),
        "rules": name("www", Rule(("other",))),
        "services": replace(name("www", WEB), services=(service,)),
    }
    for what, changed in changes.items():
        after = config(pools=pools, names=[changed, *names[1:]])
        assert differences(before, after).names_changed == {f"www.{APEX}": what}


def test_a_site_that_moved_changes_its_names() -> None:
    before = config()
    after = replace(before, sites={**before.sites, "osaka": Site("osaka", "JP", 34.7, 135.5)})
    assert differences(before, after).names_changed == {f"www.{APEX}": "pool web"}
