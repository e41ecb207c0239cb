"""/metrics of a running node, read back by Prometheus' own parser."""

import asyncio
import socket
import subprocess
from collections.abc import Callable

import aiohttp
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from gslb.api import metrics
from gslb.api.metrics_counters import LABELLED, SINGLE
from gslb.server.stats import BATCH_BOUNDS, COUNTER_NAMES
from tests.api.test_app import DRAIN
from tests.whole_node import Node

QUERIES = {f"{transport}{six}_queries" for transport in ("udp", "tcp") for six in ("", "6")}
DURATIONS = {"udp_batch_us", "udp_beyond", *(f"udp_within_{bound}us" for bound in BATCH_BOUNDS)}
LAG = {"loop_lag_max_us", "loop_lag_us", "loop_ticks"}
ELSEWHERE = QUERIES | DURATIONS | LAG | {"tcp_open"}  # by family, a histogram, a summary of each worker, a gauge


async def read(node: Node) -> dict[str, Metric]:
    """The page by family; each sample must be there once."""
    async with aiohttp.ClientSession() as session, session.get(f"{node.api}/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == metrics.CONTENT_TYPE
        families = list(text_string_to_metric_families(await response.text()))
    samples = [(sample.name, *sorted(sample.labels.items())) for family in families for sample in family.samples]
    assert len(samples) == len(set(samples))
    return {family.name: family for family in families}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    (found,) = [s.value for s in families[f"gslb_{name}"].samples if labels.items() <= s.labels.items()]
    return found


def test_every_counter_of_a_worker_is_there() -> None:
    labelled = {counter for _, _, counters in LABELLED.values() for counter in counters.values()}
    assert labelled | {counter for _, counter in SINGLE.values()} | ELSEWHERE == set(COUNTER_NAMES)


async def test_queries_show(node: Node) -> None:
    before = await read(node)
    for _ in range(5):
        await node.ask()
    await node.ask("missing")
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", node.dns_port))
        sock.send(b"short")
        sock.send(bytes(12))
    await node.ask()
    after = await read(node)

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("queries", transport="udp", family="4") == 9
    assert more("queries", transport="udp", family="6") == more("queries", transport="tcp", family="4") == 0
    assert more("replies", outcome="noerror") == 6
    assert more("replies", outcome="nxdomain") == 1
    assert more("bad_packets", kind="not_a_query") == 1
    assert more("bad_packets", kind="formerr") == more("replies", outcome="formerr") == 1
    assert more("udp_received") == 9
    assert more("udp_sent") == 8
    assert value(after, "faults", where="answering") == 0


async def test_how_near_a_worker_is_to_its_limits_shows(node: Node) -> None:
    before = await read(node)
    for _ in range(5):
        await node.ask()
    await asyncio.sleep(0.1)
    after = await read(node)

    def more(family: str, name: str = "") -> float:
        first, last = (
            next(
                s.value
                for s in families[f"gslb_worker_{family}"].samples
                if s.name.endswith(name) and s.labels == {"slot": "0"}
            )
            for families in (before, after)
        )
        return last - first

    assert more("udp_received") == 5
    assert 1 <= more("udp_batches") <= 5
    assert more("udp_full_batches") == more("udp_receive_drops") == 0
    assert 2 <= more("loop_lag_seconds", "_count") <= 400
    assert 0 <= more("loop_lag_seconds", "_sum") < 10
    assert value(after, "worker_generation_lag", slot="0") == 0


async def test_probes_and_their_lateness_show(node: Node) -> None:
    before = await read(node)
    async with asyncio.timeout(4):
        while (
            value(after := await read(node), "probes", result="passed") < value(before, "probes", result="passed") + 4
        ):
            await asyncio.sleep(0.02)
    made = sum(value(after, "probes", result=result) for result in ("passed", "failed", "error"))
    assert value(after, "probe_targets") == 2
    lateness = {s.labels.get("le", s.name): s.value for s in after["gslb_probe_lateness_seconds"].samples}
    assert made <= lateness["+Inf"] == lateness["gslb_probe_lateness_seconds_count"] <= made + 2  # two may be under way
    assert 0 <= lateness["0.001"] <= lateness["0.05"] <= lateness["2.0"] <= lateness["+Inf"]
    assert 0 < lateness["gslb_probe_lateness_seconds_sum"] < 10


async def test_members_drains_and_generations_show(node: Node) -> None:
    before = await read(node)
    assert value(before, "info", node="tokyo-1", site="tokyo") == 1
    assert value(before, "ready", kind="serving") == 1
    assert value(before, "workers", state="serving") == 1
    assert value(before, "member_live", pool="web", member="osaka", site="osaka") == 1
    await node.call("POST", "/api/v1/drains", DRAIN)
    await node.sites["tokyo"].break_()
    async with asyncio.timeout(4):
        while value(after := await read(node), "member_live", member="tokyo"):
            await asyncio.sleep(0.02)
    assert value(after, "drains") == 1
    assert value(after, "member_drained", member="osaka") == 1
    assert value(after, "member_live", member="osaka") == 0
    assert value(after, "address_state", address="127.0.0.11", state="down") == 1
    assert value(after, "address_state", address="127.0.0.11", state="up") == 0
    assert value(after, "generation") > value(before, "generation")
    assert value(after, "worker_generation", slot="0") == value(after, "generation")


async def test_the_history_shows(node: Node) -> None:
    assert value(await read(node), "history_dropped") == 0
    await node.sites["tokyo"].break_()
    await node.until_served("osaka")
    async with asyncio.timeout(5):
        while "gslb_member_availability" not in (after := await read(node)) or not [
            s for s in after["gslb_member_availability"].samples if s.labels["member"] == "tokyo" and s.value < 1
        ]:
            await node.call("GET", "/api/v1/reports")
            await asyncio.sleep(0.1)
    assert {s.labels["span"] for s in after["gslb_member_availability"].samples} == {"24h", "7d", "30d"}
    assert value(after, "member_availability", pool="web", member="osaka", site="osaka", span="7d") == 1
    assert value(after, "pool_availability", pool="web", span="24h") == 1
    assert value(after, "site_availability", site="tokyo", span="30d") < 1
    for kind in ("member", "site"):
        assert {s.labels["site"] for s in after[f"gslb_{kind}_mttr_seconds"].samples} == {"tokyo"}
        assert value(after, f"{kind}_mtbf_seconds", site="tokyo", span="7d") > 0
    assert value(after, "history_events") >= 6


async def test_no_label_comes_from_a_query(node: Node) -> None:
    await node.ask("canary-in-the-coal-mine")
    families = await read(node)
    assert not [s for family in families.values() for s in family.samples if "canary" in str(s)]


async def test_the_council_shows(node: Node) -> None:
    await node.until_served("tokyo", "osaka")
    families = await read(node)
    values = [families[f"gslb_{name}"].samples[0].value for name in ("prober_blind", "voters", "targets_no_quorum")]
    assert values == [0, 1, 0]


async def test_the_store_and_the_other_nodes_show(node: Node) -> None:
    await node.until_served("tokyo", "osaka")
    names = ("store_up", "store_alarms", "nodes", "nodes_differing", "own_votes")
    families = await read(node)
    assert [families[f"gslb_{name}"].samples[0].value for name in names] == [1, 0, 1, 0, 0]


async def test_answers_and_zones_show(node: Node) -> None:
    await node.until_served("tokyo", "osaka")
    before = await read(node)
    for _ in range(8):
        await node.ask()
    await node.ask("missing")
    after = await read(node)

    def more(family: str, **labels: str) -> float:
        first, last = (
            sum(s.value for s in families[f"gslb_{family}"].samples if labels.items() <= s.labels.items())
            for families in (before, after)
        )
        return last - first

    zone, name = "gslb.example.com.", "www.gslb.example.com."
    assert more("answers", zone=zone, name=name) == 8
    assert more("answers", name=name, site="tokyo") + more("answers", name=name, site="osaka") == 8
    assert more("zone_queries", zone=zone, type="A") == 9
    assert more("reply_duration_seconds", le="+Inf") == 9
    assert value(after, "member_share_configured", member="tokyo") == 0.6
    assert value(after, "member_share", member="osaka") == 0.4
    assert value(after, "site_members_live", site="tokyo") == 1
    assert value(after, "process_open_fds", process="control") > 5
    took = {s.labels["le"]: s.value for s in after["gslb_probe_duration_seconds"].samples if "le" in s.labels}
    assert took["+Inf"] > 0


async def page_of(node: Node, accept: str) -> tuple[str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{node.api}/metrics", headers={"Accept": accept} if accept else {}) as response,
    ):
        return response.headers["Content-Type"], await response.text()


PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


async def test_openmetrics_for_who_asks_for_it(node: Node) -> None:
    await node.until_served("tokyo", "osaka")
    await node.call("POST", "/api/v1/drains", DRAIN)
    kind, text = await page_of(node, PROMETHEUS)
    assert kind == metrics.OPENMETRICS
    families = {family.name for family in openmetrics_families(text)}
    plain = {family.name for family in text_string_to_metric_families((await page_of(node, ""))[1])}
    assert families == plain
    assert {(await page_of(node, accept))[0] for accept in ("", "*/*", "text/plain")} == {metrics.CONTENT_TYPE}


async def test_promtool_finds_nothing_to_complain_of(node: Node, need: Callable[[str], str]) -> None:
    await node.ask()
    await node.call("POST", "/api/v1/drains", DRAIN)
    _, plain = await page_of(node, "text/plain")
    done = await asyncio.to_thread(
        subprocess.run, [need("promtool"), "check", "metrics"], input=plain, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
