"""Sites break and mend, and the answers follow."""

import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.e2e.kit import SITES, ZONE, Node, eventually
from tests.e2e.load import Load, TcpLoad, counted
from tests.e2e.sites import Site
from tests.support import query

pytestmark = pytest.mark.e2e

MakeNode = Callable[[], Node]
MakeSites = Callable[..., list[Site]]
TOKYO, OSAKA = "127.0.0.11", "127.0.0.12"
INTERVAL, TIMEOUT, FALL, RISE, JITTER = 0.5, 0.25, 2, 2, 0.1
BOUND = FALL * INTERVAL + JITTER * INTERVAL + TIMEOUT + 0.5
BACK = RISE * INTERVAL + JITTER * INTERVAL + TIMEOUT + 0.5
MONITOR = (
    "monitors:\n  web: {type: http, port: %d, method: POST, path: /api_jsonrpc.php,"
    ' body: \'{"method":"apiinfo.version"}\', expect: {status: [200], body: \'"result"\'},'
    f" interval: {INTERVAL * 1000:.0f}ms, timeout: {TIMEOUT * 1000:.0f}ms, fall: {FALL}, rise: {RISE}}}\n"
)
POOL = f"""\
pools:
  web:
    monitors: [web]
    members:
      tokyo: {{site: tokyo, addresses: [{TOKYO}], weight: 60}}
      osaka: {{site: osaka, addresses: [{OSAKA}], weight: 40}}
"""


@pytest.fixture
def sites(make_sites: MakeSites) -> list[Site]:
    return make_sites(TOKYO, OSAKA)


@pytest.fixture
def node(make_node: Callable[[], Node], sites: list[Site]) -> Node:
    """Two workers, and two sites that are up."""
    zone = SITES + MONITOR % sites[0].port + POOL + ZONE + "      www: {pool: web, ttl: 5}\n"
    return make_node().write(zone).start().ready()


def test_shares(node: Node) -> None:
    with Load(node.dns, rate=5000) as load:
        eventually(lambda: len(load.asks) >= 10_000, 20)
    got = counted(load.asks)
    share = got[(TOKYO,)] / sum(got.values())
    print(f"\n60:40 over {sum(got.values())} queries: {share:.2%}; {load.figures()}")
    assert set(got) == {(TOKYO,), (OSAKA,)}
    assert abs(share - 0.6) <= 0.02
    assert not load.lost


@pytest.mark.parametrize("way", ["refuse", "error", "hang"])
def test_a_broken_site_leaves_the_answers_and_a_mended_one_returns(node: Node, sites: list[Site], way: str) -> None:
    tokyo = sites[0]
    with Load(node.dns, rate=500) as udp, TcpLoad(node.dns) as tcp:
        time.sleep(0.3)
        broken = tokyo.refuse() if way == "refuse" else tokyo.answer(way)  # type: ignore[arg-type]
        time.sleep(BOUND + 0.5)
        mended = tokyo.mend()
        time.sleep(BACK + 0.3)
    gone = [load.last_with(TOKYO, mended) - broken for load in (udp, tcp)]
    back = [load.first_with(TOKYO, mended) - mended for load in (udp, tcp)]
    print(
        f"\n{way}: out after {gone[0]:.2f} s by UDP, {gone[1]:.2f} s by TCP (bound {BOUND:.2f}); back after"
        f" {back[0]:.2f} s, {back[1]:.2f} s (bound {BACK:.2f}); {udp.figures()}"
    )
    assert 0 < max(gone) <= BOUND
    assert (RISE - 1) * INTERVAL - JITTER * INTERVAL <= min(back) <= max(back) <= BACK
    for load in (udp, tcp):
        assert not load.lost
        assert set(counted(load.asks)) == {(TOKYO,), (OSAKA,)}


def test_all_sites_down_serves_the_configured_addresses(make_node: MakeNode, sites: list[Site]) -> None:
    """Its reference answers, so the node knows that it is not itself that is cut off; and all may be lost at once."""
    node = make_node()
    pool = POOL.replace("    members:", "    max_loss: 100%\n    members:")
    node.write(SITES + MONITOR % sites[0].port + pool + ZONE + "      www: {pool: web, ttl: 5}\n")
    text = node.config.read_text()
    node.config.write_text(text.replace("[127.0.0.0/8]", f"[127.0.0.0/8], references: ['127.0.0.1:{node.dns}']"))
    node.start().ready()
    with Load(node.dns, rate=500) as udp, TcpLoad(node.dns) as tcp:
        for site in sites:
            site.refuse()
        time.sleep(BOUND + 0.5)
        eventually(lambda: all(a["observed"] == "down" for a in addresses_of(node)), 1)
        down = time.monotonic()
        time.sleep(1)
        sites[1].mend()
        eventually(lambda: addresses_of(node)[1]["observed"] == "up", BACK + 1)
        time.sleep(0.5)
    late = counted(udp.sent_between(udp.asks[-1].sent - 0.3))
    both = counted([*udp.sent_between(down, down + 1), *tcp.sent_between(down, down + 1)])
    print(f"\nboth down: {dict(both)}; then Osaka mended: {dict(late)}; {udp.figures()}")
    assert {address for answer in both for address in answer} == {TOKYO, OSAKA}
    assert set(late) == {(OSAKA,)}
    for load in (udp, tcp):
        assert not load.lost
        assert () not in counted(load.asks)


def test_sites_that_never_answer_delay_no_other_check(make_node: Callable[[], Node], make_sites: MakeSites) -> None:
    """Forty targets, thirty of which take each connection and say nothing, with a timeout as long as the interval."""
    sites = make_sites(*(f"127.0.0.{number}" for number in range(21, 61)))
    monitor = (MONITOR % sites[0].port).replace("timeout: 250ms", "timeout: 500ms")
    members = "".join(f"      m{n}: {{site: tokyo, addresses: [{site.address}]}}\n" for n, site in enumerate(sites))
    pool = f"pools:\n  web:\n    monitors: [web]\n    policy: all\n    max_answers: 100\n    members:\n{members}"
    node = make_node().write(SITES + monitor + pool + ZONE + "      www: {pool: web}\n").start().ready()
    for site in sites[:30]:
        site.answer("hang")
    eventually(lambda: [a["observed"] for a in addresses_of(node)] == ["down"] * 30 + ["up"] * 10, 5)
    begun = time.monotonic()
    time.sleep(3.5)
    gaps = sorted(b - a for site in sites[30:] for a, b in pairwise(t for t in site.asked if t >= begun))
    middle, late = gaps[len(gaps) // 2], gaps[len(gaps) * 9 // 10]  # not the last: a busy machine delays some by itself
    print(f"\n30 of 40 hang: {len(gaps)} other checks, {gaps[0]:.3f} to {gaps[-1]:.3f} s apart, p90 {late:.3f} s")
    assert len(gaps) >= 45
    assert middle <= INTERVAL * (1 + JITTER) + 0.1  # whoever waits for those that hang is late each time, and by a lot
    assert late <= 2 * INTERVAL
    assert all(a["observed"] == "up" for a in addresses_of(node)[30:])


def addresses_of(node: Node) -> list[dict[str, object]]:
    """What is believed of each address of the pool."""
    (pool,) = node.status()["pools"]
    return [address for member in pool["members"] for address in member["addresses"]]


def test_a_name_answers_servfail_until_the_first_round_is_over(
    make_node: Callable[[], Node], sites: list[Site]
) -> None:
    """Unknown is not up: nobody is sent to a site before it was looked at."""
    for site in sites:
        site.answer("hang")
    zone = SITES + MONITOR % sites[0].port + POOL + ZONE + "      www: {pool: web, ttl: 5}\n"
    slow = zone.replace("interval: 500ms, timeout: 250ms, fall: 2", "interval: 5s, timeout: 5s, fall: 2")
    node = make_node().write(slow, startup_wait="1s").start()
    with Load(node.dns, rate=200, questions=[query("www")]) as load:
        eventually(node.fresh, 20)
        time.sleep(0.3)
    refused, answered = ([ask for ask in load.asks if ask.reply and ask.reply[1] & 15 == code] for code in (2, 0))
    overlap = max(ask.answered for ask in refused) - min(ask.answered for ask in answered)
    print(f"\nfirst round: {len(refused)} SERVFAIL, then {len(answered)} answers; workers {overlap:.3f} s apart")
    assert len(refused) + len(answered) == sum(bool(ask.answered) for ask in load.asks)
    assert overlap < 0.5
    assert {address for answer in counted(answered) for address in answer} == {TOKYO, OSAKA}
