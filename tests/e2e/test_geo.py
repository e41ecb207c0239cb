"""Clients by where they are: what the client subnet option brings, over real sockets, from databases written here."""

from collections.abc import Callable, Mapping
from pathlib import Path

import dns.edns
import dns.message
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.e2e.kit import SITES, ZONE, Node, eventually
from tests.e2e.load import TcpLoad, ask_once
from tests.support import addresses, query

pytestmark = pytest.mark.e2e

JAPAN, WORLD, HERE = "192.0.2.10", "192.0.2.20", "192.0.2.30"
PLACES = {"198.51.100.0/24": "JP", "2001:db8:81::/48": "JP", "203.0.113.0/24": "US"}
TRUST = "{trust: [127.0.0.0/8]}"
GEO_ZONE = f"""\
{SITES}
pools:
  japan: {{members: {{tokyo: {{site: tokyo, addresses: [{JAPAN}]}}}}}}
  world: {{members: {{osaka: {{site: osaka, addresses: [{WORLD}]}}}}}}
  here: {{members: {{osaka: {{site: osaka, addresses: [{HERE}]}}}}}}
{ZONE}\
      www:
        rules:
          - {{match: {{subnet: [127.0.0.53/32]}}, pools: [here]}}
          - {{match: {{country: [JP]}}, pools: [japan]}}
          - {{pools: [world]}}
"""


def write_database(path: Path, places: Mapping[str, str] = PLACES) -> Path:
    """A database in the layout of GeoLite2-Country."""
    writer = MMDBWriter(6, "Test-Country", ipv4_compatible=True)
    for prefix, country in places.items():
        writer.insert_network(IPSet([prefix]), {"country": {"iso_code": country}})
    writer.to_db_file(str(path))
    return path


@pytest.fixture
def node(make_node: Callable[[], Node]) -> Node:
    node = make_node()
    write_database(node.folder / "places.mmdb")
    return node.write(GEO_ZONE, geo="{databases: [places.mmdb]}", ecs=TRUST)


def located(node: Node, subnet: str = "", source: str = "127.0.0.1") -> tuple[list[str], int | None]:
    """The addresses for a client subnet, and the scope; None where no option came back."""
    options = [dns.edns.ECSOption.from_text(subnet)] if subnet else []
    wire = ask_once(node.dns, query("www", payload=1232, options=options), source=source)
    assert wire is not None
    reply = dns.message.from_wire(wire)
    echoed = [option for option in reply.options if isinstance(option, dns.edns.ECSOption)]
    return addresses(reply), echoed[0].scopelen if echoed else None


@pytest.mark.parametrize("workers", [0, 2])
def test_a_client_gets_the_pool_of_its_country(node: Node, workers: int) -> None:
    node.config.write_text(node.config.read_text().replace("workers: 2", f"workers: {workers}"))
    node.start().ready()
    told = {
        subnet: located(node, subnet)
        for subnet in ("198.51.100.7/32", "198.51.100.0/24", "2001:db8:81:5::/56", "203.0.113.0/24", "0.0.0.0/0")
    }
    told["none"] = located(node)
    told["/0 from a resolver with a rule"] = located(node, "0.0.0.0/0", "127.0.0.53")
    print(f"\n{told}")
    for japanese in ("198.51.100.7/32", "198.51.100.0/24", "2001:db8:81:5::/56"):
        found, scope = told[japanese]
        assert found == [JAPAN]
        assert scope
    assert told["198.51.100.0/24"][1] == 24
    assert told["2001:db8:81:5::/56"][1] == 48
    assert told["203.0.113.0/24"][0] == [WORLD]
    assert told["0.0.0.0/0"] == ([WORLD], 0)
    assert told["none"] == ([WORLD], None)
    assert told["/0 from a resolver with a rule"] == ([HERE], 0)
    with TcpLoad(node.dns) as tcp:
        eventually(lambda: len(tcp.asks) > 5)
    assert {ask.addresses for ask in tcp.asks} == {(WORLD,)}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("fault", ["missing", "rubbish", "cut short", "a folder"])
def test_a_database_that_cannot_be_read_is_an_error_at_the_start(node: Node, fault: str, workers: int) -> None:
    path = node.folder / "places.mmdb"
    whole = path.read_bytes()
    path.unlink()
    if fault == "rubbish":
        path.write_bytes(b"not a database" * 100)
    elif fault == "cut short":
        path.write_bytes(whole[: len(whole) // 3])
    elif fault == "a folder":
        path.mkdir()
    node.config.write_text(node.config.read_text().replace("workers: 2", f"workers: {workers}"))
    node.start()
    assert node.process
    assert node.process.wait(20) == 1
    print(f"\n{fault}: {node.log().strip()}")
    assert str(path) in node.log()
    assert "Traceback" not in node.log()
    assert node.everyone() == []
