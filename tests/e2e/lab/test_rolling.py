"""Nodes that are started anew one after another, and one whose clock is wrong."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import dns.edns
import dns.message
import dns.query
import pytest

from gslb.store.valuetext import FORMAT
from tests.e2e.kit import eventually
from tests.e2e.lab.lab import NAME, Lab, Plan
from tests.e2e.lab.scenes import WITNESS, alike, assert_right, converged, started
from tests.next_version import MORE, next_version

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HOUR = 3600.0


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_a_rolling_restart_under_load_loses_nothing(trio: Lab, rounds: int) -> None:
    took = []
    with trio.oracle(500) as oracle:
        converged(trio, oracle, trio.truth.addresses)
        drain, _ = trio.drain("tokyo", "member/web/osaka-1")
        wanted = set(trio.truth.addresses) - set(trio.drained_by("member/web/osaka-1"))
        for node in [*trio.nodes.values()] * rounds:
            begun = time.monotonic()
            node.host.terminate()
            node.host.restart()
            converged(trio, oracle, wanted)
            took.append(time.monotonic() - begun)
        trio.undrain("tokyo", drain)
        converged(trio, oracle, trio.truth.addresses)
    figures = oracle.figures()
    print(f"\n{len(took)} restarts, each {max(took):.1f} s at most until all is as before; {figures}")
    assert figures.available == 1.0
    assert figures.servfail == 0
    assert_right(trio, oracle)


def test_a_version_forth_node_by_node_and_back_again_loses_nothing(trio: Lab, tmp_path: Path) -> None:
    newer, begun = next_version(tmp_path), {}
    said = {site: len(node.host.messages()) for site, node in trio.nodes.items()}
    with trio.oracle(500) as oracle:
        converged(trio, oracle, trio.truth.addresses)
        anew(trio, "tokyo", newer)
        converged(trio, oracle, trio.truth.addresses)
        drain, _ = trio.drain("tokyo", "member/web/osaka-1")
        wanted = set(trio.truth.addresses) - set(trio.drained_by("member/web/osaka-1"))
        converged(trio, oracle, wanted)
        assert of_the_next(trio) == {"live/drains", "live/nodes/tokyo-1", "live/votes/tokyo-1"}
        changed = trio.nodes["osaka"].call("PATCH", f"/api/v1/drains/{drain['id']}", {"reason": "CHG-2"})
        assert (changed.status, changed.body["reason"]) == (200, "CHG-2")
        for site in ("osaka", "witness", "tokyo"):
            begun[site] = anew(trio, site, None)
            converged(trio, oracle, wanted)
        assert of_the_next(trio) == {"live/drains"}, "what is another's is kept as it was"
        assert "CHG-2" in str(trio.status("tokyo")["drains"])
        recorded = trio.nodes["tokyo"].call("GET", "/api/v1/audit").body["records"]
        assert {(one["node"], one["format"]) for one in recorded} >= {("tokyo-1", 3), ("osaka-1", 2)}
        assert "unreadable" not in {one["action"] for one in recorded}
        trio.undrain("osaka", drain)
        converged(trio, oracle, trio.truth.addresses)
    for site in trio.answering:
        first = min(one.sent for one in oracle.between(begun[site]) if one.node == site and one.rcode == 0)
        print(f"\n{site} answers {first - begun[site]:.1f} s after its start", end="")
    figures = oracle.figures()
    print(f"\n{figures}")
    assert figures.available == 1.0
    assert figures.servfail == 0
    assert_right(trio, oracle)
    for site, node in trio.nodes.items():
        assert "by a newer gslb" not in node.host.messages()[said[site] :]
        assert "ignored: " not in node.host.messages()[said[site] :], "each began with the table that it found"


def anew(lab: Lab, site: str, tree: Path | None) -> float:
    """Start a node anew with the program of a folder, on the files that it has. Returns the moment."""
    node = lab.nodes[site]
    node.host.terminate()
    node.start(tree=tree)
    return time.monotonic()


def of_the_next(lab: Lab) -> set[str]:
    """Where values in the store are of the next version, with all that it says more."""
    values = {key: json.loads(value) for key, value in lab.etcd.get("/gslb/live/").items() if value.startswith(b"{")}
    newer = {key: value for key, value in values.items() if value.get("format") == FORMAT + 1}
    assert all(MORE in value for value in newer.values())
    places = {key.removeprefix("/gslb/") for key in newer}
    return {place if "nodes" in place else place.rpartition("/")[0] for place in places}


def test_a_wrong_clock_moves_no_verdict_and_ends_no_drain(make_lab: Callable[..., Lab], faketime: str) -> None:
    lab = make_lab(tokyo=Plan(), osaka=Plan(), witness=WITNESS)
    started(lab, faketime)
    everything, ends = frozenset(lab.truth.addresses), {}
    with lab.oracle(100) as oracle:
        converged(lab, oracle, everything)
        lasting, _ = lab.drain("osaka", "site/osaka")
        for skew in (HOUR, -HOUR):
            lab.nodes["tokyo"].skew(skew)
            time.sleep(2.5)
            assert lab.settled(oracle, lab.addresses["tokyo"]) < 1, "a drain of before holds on"
            lab.undrain("tokyo", lasting)
            converged(lab, oracle, everything)
            drain, began = lab.drain("tokyo", "site/osaka", **{"for": "4s"})
            lab.settled(oracle, lab.addresses["tokyo"])
            ends[skew] = ended(lab, drain, began), drain["expires"] - time.time()
            converged(lab, oracle, everything)
            lasting, _ = lab.drain("osaka", "site/osaka")
            assert cookies(lab) == {("NOERROR", True)}
        lab.undrain("osaka", lasting)
        converged(lab, oracle, everything)
    for skew, (lasted, shown) in ends.items():
        print(
            f"\nclock {skew:+.0f} s: a drain of 4 s lasted {lasted:.1f} s, and was said to end in {shown:.0f} s", end=""
        )
        assert 3 <= lasted <= 7
    print(f"\n{oracle.figures()}")
    assert_right(lab, oracle)
    assert eventually(lambda: alike(lab), 5) < 5


def ended(lab: Lab, drain: dict[str, object], began: float) -> float:
    """How long a drain lasted, until no node knows it any more."""

    def gone() -> bool:
        return not any(one["id"] == drain["id"] for site in lab.nodes for one in lab.status(site)["drains"])

    eventually(gone, 10, 0.05)
    when = time.monotonic()
    addresses = lab.drained_by(str(drain["target"]))
    lab.truth.undrained(addresses, str(drain["id"]), began + 3)  # from then on either answer is right
    return when - began


def cookies(lab: Lab) -> set[tuple[str, bool]]:
    """Ask each node with the cookie that another gave: the response codes, and whether a cookie came back."""
    given = {site: asked(lab, site, b"12345678")[2] for site in lab.answering}
    return {asked(lab, site, given[other])[:2] for site in given for other in given if site != other}


def asked(lab: Lab, site: str, cookie: bytes) -> tuple[str, bool, bytes]:
    """One query with a cookie: the response code, whether a server cookie came back, and the whole of it."""
    option = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, cookie)
    query = dns.message.make_query(NAME, "A", options=[option])
    with lab.client.open_socket() as sock:
        sock.settimeout(2)
        sock.connect((lab.nodes[site].host.address, 53))
        sock.send(query.to_wire())
        reply = dns.message.from_wire(sock.recv(4096))
    found = [one.to_wire() for one in reply.options if one.otype == dns.edns.OptionType.COOKIE]
    code = reply.rcode()
    return dns.rcode.to_text(code), bool(found and len(found[0]) > 8), found[0] if found else b""
