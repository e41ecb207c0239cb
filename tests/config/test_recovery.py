import pytest

from gslb.config.recovery import Recoveries
from tests.config.conftest import ZONE, Folder

MONITORS = """
fast: {type: tcp, port: 22, interval: 1s, timeout: 500ms, fall: 2}
slow: {type: tcp, port: 23}
"""
POOLS = """
fast: {monitors: [fast], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}
either: {monitors: {any: [fast, slow]}, members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}
needs: {monitors: [fast], requires: [either], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}
leans: {requires: [fast], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}
static: {members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}
"""
REST = "{rules: [{pools: [fast, either, needs, leans, static]}]}"
PROBERS = 'n1: {site: tokyo, address: "192.0.2.53:53"}\nn2: {site: osaka}\nn3: {site: osaka}'


def zone(text: str) -> str:
    return ZONE.replace("www: {pool: web}", f"www: {text}\n  rest: {REST}")


def sections(text: str, probers: int = 0) -> dict[str, str]:
    given = {"monitors": MONITORS, "pools": POOLS, "zone": zone(text)}
    return {**given, "probers": "\n".join(PROBERS.split("\n")[:probers])} if probers else given


@pytest.mark.parametrize(
    ("text", "monitor", "total"),
    [
        ("{pool: fast}", "fast", 2.6 + 0.5),
        ("{pool: either}", "slow", 17.5 + 0.5),
        ("{rules: [{pools: [static, fast]}]}", "fast", 3.1),
        ("{pool: needs}", "slow", 18.0),
        ("{pool: leans}", "fast", 3.1),
        ("{pool: static}", None, None),
    ],
)
def test_the_slowest_monitor_counts(folder: Folder, text: str, monitor: str | None, total: float | None) -> None:
    config = folder.load(**sections(text))
    worst = Recoveries(config).of(config.zones[b"\7example\3com\0"].names[0].rules)
    assert (worst.monitor, worst.total(0)) == (monitor, total)
    assert worst.total(30) == (None if total is None else total + 30)


@pytest.mark.parametrize(("probers", "votes"), [(0, 0.0), (1, 0.0), (2, 5.0), (3, 0.0)])
def test_two_probers_wait_for_a_lease(folder: Folder, probers: int, votes: float) -> None:
    config = folder.load(**sections("{pool: fast}", probers))
    worst = Recoveries(config).of(config.zones[b"\7example\3com\0"].names[0].rules)
    assert (worst.votes, worst.total(10)) == (votes, 13.1 + votes)
    assert ("vote lease 5 s" in worst.told(10)) == (probers == 2)


@pytest.mark.parametrize(
    ("text", "probers", "fault"),
    [
        ("{pool: fast, ttl: 10, rto: 13s}", 0, "13.1 s (detection 2.6 s by fast, publishing 0.5 s, TTL 10 s)"),
        ("{pool: fast, ttl: 10, rto: 18s}", 2, "(detection 2.6 s by fast, vote lease 5 s, publishing 0.5 s, TTL 10 s)"),
        ("{pool: fast, ttl: 10, rto: 18s}", 2, "(most of it is the TTL: lower it)"),
        ("{pool: fast, ttl: 1, rto: 8s}", 2, "(most of it is the vote lease: add a third prober, a witness)"),
        (
            "{pool: either, ttl: 1, rto: 5s}",
            0,
            "(most of it is detection: lower interval, fall or timeout of monitor slow)",
        ),
        ("{pool: fast, ttl: {max: 60, min: 1}, rto: 60s}", 0, "recovers within 63.1 s"),
        ("{pool: static, rto: 60s}", 0, "its pool 'static' has no monitors: it never recovers by itself"),
        ("{rules: [{pools: {fast: 1, static: 0}}], rto: 90s}", 0, "its pool 'static' has no monitors"),
        ("{rules: [{match: {asn: 5}, pools: [static]}, {pools: [fast]}], rto: 90s}", 0, "its pool 'static' has no"),
    ],
)
def test_a_name_that_promises_too_much(folder: Folder, text: str, probers: int, fault: str) -> None:
    [found] = folder.problems(**sections(text, probers))
    assert found.split(": ")[1] == "www.example.com."
    line, column, _ = found.removeprefix("zones/a.yaml:").split(":", 2)
    written = (folder.path / "zones" / "a.yaml").read_text().splitlines()[int(line) - 1]
    assert written[int(column) - 1 :].startswith("www:")
    assert fault in found


@pytest.mark.parametrize(
    ("text", "probers"),
    [
        ("{pool: fast, ttl: 10, rto: 13100ms}", 0),
        ("{pool: fast, ttl: 10, rto: 13100ms}", 3),
        ("{pool: leans, ttl: 10, rto: 14s}", 0),
        ("{rules: [{pools: [fast, static]}], ttl: 10, rto: 14s}", 0),
    ],
)
def test_a_name_that_keeps_its_promise(folder: Folder, text: str, probers: int) -> None:
    config = folder.load(**sections(text, probers))
    assert config.zones[b"\7example\3com\0"].names[0].rto


TOO_FEW = 'n1: {site: tokyo, address: "192.0.2.53:53"}\nn2: {site: tokyo}\nn3: {site: osaka}'


def test_a_site_that_dies_with_most_probers_is_never_decided(folder: Folder) -> None:
    text = "{pool: fast, ttl: 10, rto: 60s}"
    given = {**sections(text), "probers": TOO_FEW}
    [found] = folder.problems(**given)
    assert "the death of site 'tokyo' leaves too few probers to decide it (add a prober at another site" in found
    told = [line for line in folder.warnings(**{**sections("{pool: fast}"), "probers": TOO_FEW}) if "death" in line]
    assert len(told) == 2  # for each of the monitors
    assert told[0].startswith("probers: the death of site 'tokyo' leaves 1 prober(s), and a verdict of 'fast' needs 2")


def test_half_of_the_probers_die_with_a_site_and_their_votes_live_on(folder: Folder) -> None:
    pairs = "\n".join(f"n{at}: {{site: {site}}}" for at, site in enumerate(("tokyo", "tokyo", "osaka", "osaka"), 1))
    config = folder.load(**{**sections("{pool: fast}"), "probers": pairs})
    worst = Recoveries(config).of(config.zones[b"\7example\3com\0"].names[0].rules)
    assert (worst.votes, worst.total(10)) == (5.0, 18.1)
