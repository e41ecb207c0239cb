import pytest

from gslb.config.model import AllDown, Damping, Failback, Member, MinUp, MonitorSet, Pool, Site
from tests.config.conftest import NODE, Folder

MEMBERS = "members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}"


def build(folder: Folder, text: str) -> Pool:
    return folder.load(pools=f"web: {{{text}}}").pools["web"]


def faults(folder: Folder, text: str, **sections: str) -> list[str]:
    return folder.messages(pools=f"web: {{{text}}}", **sections)


def test_defaults(folder: Folder) -> None:
    assert build(folder, MEMBERS) == Pool("web", (Member("tokyo", "tokyo", ("192.0.2.1",)),))


def test_every_key(folder: Folder) -> None:
    pool = build(
        folder,
        "monitors: [web], policy: failover, answers: 2, max_answers: 3, all_down: last_good, members: {"
        'b: {site: osaka, addresses: ["2001:DB8::1", 192.0.2.2], weight: 0, priority: 5},'
        "a: {site: tokyo, addresses: 192.0.2.1}}",
    )
    members = (Member("b", "osaka", ("2001:db8::1", "192.0.2.2"), 0, 5), Member("a", "tokyo", ("192.0.2.1",)))
    monitors = MonitorSet(("web",), 1)
    assert pool == Pool("web", members, monitors, "failover", 2, 3, AllDown("last_good"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[web, ssh]", MonitorSet(("web", "ssh"), 2)),
        ("{all: [web, ssh]}", MonitorSet(("web", "ssh"), 2)),
        ("{any: [web, ssh]}", MonitorSet(("web", "ssh"), 1)),
        ("{at_least: 2, of: [web, ssh]}", MonitorSet(("web", "ssh"), 2)),
        ("[]", MonitorSet((), 0)),
    ],
)
def test_monitors_combine(folder: Folder, text: str, expected: MonitorSet) -> None:
    assert build(folder, f"monitors: {text}, {MEMBERS}").monitors == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{all: [web], any: [ssh]}", "pools.web.monitors: must be one way to combine monitors"),
        ("{at_least: 1}", "pools.web.monitors: must be one way to combine monitors"),
        ("{of: [web]}", "pools.web.monitors: must be one way to combine monitors"),
        ("{at_least: 1, any: [web]}", "pools.web.monitors: must be one way to combine monitors"),
        (
            "{at_least: 3, of: [web, ssh]}",
            "pools.web.monitors: at_least must be at most the number of monitors, 2 (got 3)",
        ),
        ("{any: []}", "pools.web.monitors: names no monitor"),
        ("[wbe]", "pools.web.monitors.0: there is no monitor 'wbe' (did you mean web?)"),
        ("[web, web]", "pools.web.monitors.1: monitor 'web' stands twice in the list"),
        ("web", "pools.web.monitors: must be a mapping (got 'web')"),
    ],
)
def test_monitors_that_do_not_combine(folder: Folder, text: str, fault: str) -> None:
    assert any(line.startswith(fault) for line in faults(folder, f"monitors: {text}, {MEMBERS}"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nodata", AllDown("nodata")),
        ("{fallback: [192.0.2.9]}", AllDown("fallback", ("192.0.2.9",))),
        ("{mode: all}", AllDown("all")),
    ],
)
def test_all_down(folder: Folder, text: str, expected: AllDown) -> None:
    assert build(folder, f"all_down: {text}, {MEMBERS}").all_down == expected


@pytest.mark.parametrize("text", ["none", "{fallback: []}", "{mode: all, fallback: [192.0.2.9]}", "[192.0.2.9]"])
def test_all_down_of_no_known_kind(folder: Folder, text: str) -> None:
    assert any(line.startswith("pools.web.all_down") for line in faults(folder, f"all_down: {text}, {MEMBERS}"))


def test_a_site_that_does_not_exist(folder: Folder) -> None:
    [fault] = faults(folder, MEMBERS.replace("site: tokyo", "site: tokio"))
    assert fault == "pools.web.members.tokyo.site: there is no site 'tokio' (did you mean tokyo?)"


def test_a_site_that_is_wrong_is_not_also_missing(folder: Folder) -> None:
    found = folder.messages(sites="tokyo: {country: nowhere}\nosaka: {}")
    assert len(found) == 1
    assert found[0].startswith("sites.tokyo.country")


def test_an_address_twice_names_both_places(folder: Folder) -> None:
    members = "a: {site: tokyo, addresses: [192.0.2.1]}, b: {site: osaka, addresses: [192.0.2.1]}"
    [fault] = faults(folder, f"members: {{{members}}}")
    assert fault.startswith("pools.web.members.b.addresses.0: 192.0.2.1 is in this pool already (the first is at")
    assert fault.endswith("zones/a.yaml:8:48)")


def test_addresses_that_must_not_be_probed(folder: Folder) -> None:
    text = "monitors: [web], members: {a: {site: tokyo, addresses: [127.0.0.1]}}"
    [fault] = faults(folder, text)
    assert fault.startswith("pools.web.members.a.addresses.0: 127.0.0.1 must not be probed: it is a loopback address")
    allowed = f"{NODE}probe: {{allow: [127.0.0.0/8]}}\n"
    assert folder.load(pools=f"web: {{{text}}}", node=allowed).pools["web"].members[0].addresses == ("127.0.0.1",)


def test_addresses_that_are_not_probed_are_free(folder: Folder) -> None:
    assert build(folder, "members: {a: {site: tokyo, addresses: [127.0.0.1]}}").members


def test_nearest_needs_to_know_where_sites_are(folder: Folder) -> None:
    members = "a: {site: tokyo, addresses: [192.0.2.1]}, b: {site: osaka, addresses: [192.0.2.2]}"
    assert faults(folder, f"policy: nearest, members: {{{members}}}") == [
        "pools.web.members.b.site: policy nearest needs latitude and longitude of site 'osaka'"
    ]


def test_sites(folder: Folder) -> None:
    sites = folder.load(sites="tokyo: {country: JP, latitude: 35, longitude: 139.5, capacity: 100}\nosaka:").sites
    assert sites == {"tokyo": Site("tokyo", "JP", 35.0, 139.5, 100.0), "osaka": Site("osaka")}


def test_half_a_position_is_none(folder: Folder) -> None:
    assert folder.messages(sites="tokyo: {latitude: 35}") == ["sites.tokyo: needs latitude and longitude, or neither"]


def test_names_must_fit_a_target(folder: Folder) -> None:
    found = folder.messages(sites='tokyo: {}\n"a b": {}')
    assert found[0].startswith("sites.a b: a name is")


TWO = "members: {a: {site: tokyo, addresses: [192.0.2.1]}, b: {site: osaka, addresses: [192.0.2.2]}}"


def test_every_key_of_health(folder: Folder) -> None:
    pool = build(
        folder,
        "min_up: 2, scope: local, failback: {hold: 60s}, damping: {half_life: 10m, suppress: 4, reuse: 2},"
        f"max_loss: 30%, ramp: 2m, family_down: all_down, {TWO}",
    )
    assert (pool.min_up, pool.scope, pool.failback) == (MinUp(2), "local", Failback("hold", 60.0))
    assert (pool.damping, pool.max_loss, pool.ramp) == (Damping(600.0, 4.0, 2.0), 0.3, 120.0)
    assert (pool.family_down, pool.exclusive) == ("all_down", False)
    assert build(folder, f"exclusive: true, {TWO}").exclusive


@pytest.mark.parametrize("text", ["false", '"off"'])
def test_damping_may_be_off(folder: Folder, text: str) -> None:
    assert build(folder, f"damping: {text}, {MEMBERS}").damping is None


def test_min_up_may_be_a_share(folder: Folder) -> None:
    pool = build(folder, f'min_up: "75%", {TWO}')
    assert (pool.min_up, pool.min_up.of(2)) == (MinUp(1, 0.75), 2)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("min_up: 3", "pools.web.min_up: must be at most the number of members, 2 (got 3)"),
        ("min_up: 0", "pools.web.min_up: must be a number of members from 1 on, or a share from 1% to 100% (got 0)"),
        ("min_up: 101%", "pools.web.min_up: must be a number of members from 1 on, or a share"),
        ("min_up: 2, exclusive: true", "pools.web.min_up: an exclusive pool has one member up, and never 2"),
        ("scope: site", "pools.web.scope: must be global or local (got 'site')"),
        ("failback: never", "pools.web.failback: must be auto, manual, {hold: 60s} or {window:"),
        ("failback: {window: Sat}", "pools.web.failback: a window is days, a time and a time zone"),
        ("damping: true", "pools.web.damping: must be false, or {half_life: 5m, suppress: 2.5, reuse: 1} (got true)"),
        ("damping: {halflife: 5m}", "pools.web.damping.halflife: is not a known key (did you mean half_life?)"),
        ("damping: {suppress: 1}", "pools.web.damping.suppress: must be more than reuse, 1 (got 1)"),
        ("damping: {reuse: 0}", "pools.web.damping.reuse: must be more than 0 (got 0)"),
        ("max_loss: 150%", "pools.web.max_loss: must be at most 1 (got"),
        ("ramp: 2h", "pools.web.ramp: must be from 0s to 1h (got 2h)"),
        ("family_down: all", "pools.web.family_down: must be nodata or all_down (got 'all')"),
        ("load: 5", "pools.web.load: goes with policy capacity (got weighted)"),
    ],
)
def test_faults_of_health(folder: Folder, text: str, fault: str) -> None:
    found = faults(folder, f"{text}, {TWO}")
    assert any(line.startswith(fault) for line in found), found


SITES = "tokyo: {capacity: 100}\nosaka: {capacity: 40.5}"


def test_capacity_knows_that_of_its_sites(folder: Folder) -> None:
    text = f"policy: capacity, load: 60, {TWO}"
    pool = folder.load(pools=f"web: {{{text}}}", sites=SITES).pools["web"]
    assert (pool.load, pool.capacities) == (60.0, (("tokyo", 100.0), ("osaka", 40.5)))
    other = folder.load(pools=f"web: {{{TWO}}}", sites=SITES).pools["web"]
    assert (other.load, other.capacities) == (0.0, ())


def test_capacity_needs_load_and_the_capacity_of_every_site(folder: Folder) -> None:
    found = faults(folder, f"policy: capacity, {TWO}", sites="tokyo: {capacity: 5}\nosaka:")
    assert [line.split(" (")[0] for line in found] == [
        "pools.web.policy: policy capacity needs `load`",
        "pools.web.members.b.site: policy capacity needs the capacity of site 'osaka'",
    ]
