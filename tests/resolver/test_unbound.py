"""Unbound resolves what we serve: every kind of name, failover, and a cache entry per client subnet."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import make_node, make_sites
from tests.e2e.kit import SITES, ZONE, Node, eventually
from tests.e2e.sites import Site

__all__ = ["make_node", "make_sites"]

pytestmark = pytest.mark.e2e

TOKYO, OSAKA = "127.0.0.11", "127.0.0.12"
MONITOR = "monitors:\n  web: {type: tcp, port: %d, interval: 500ms, timeout: 250ms, fall: 2, rise: 2}\n"
POOLS = f"""\
pools:
  web:
    monitors: [web]
    members:
      tokyo: {{site: tokyo, addresses: [{TOKYO}]}}
      osaka: {{site: osaka, addresses: [{OSAKA}]}}
  near: {{members: {{tokyo: {{site: tokyo, addresses: [192.0.2.10]}}}}}}
  far: {{members: {{osaka: {{site: osaka, addresses: [198.51.100.10]}}}}}}
{ZONE}\
      www: {{pool: web, ttl: 1}}
      geo:
        ttl: 60
        rules:
          - {{match: {{subnet: [203.0.112.0/20]}}, pools: [near]}}
          - {{pools: [far]}}
"""
BOUND = 2 * 0.5 + 0.05 + 0.25 + 0.5  # of detection, with the publishing


class Resolver:
    """Unbound with our zones as stubs."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, name: str, rtype: str = "A", subnet: str = "") -> dns.message.Message:
        """What a client behind it gets."""
        options = [dns.edns.ECSOption(*_subnet(subnet))] if subnet else []
        message = dns.message.make_query(name, rtype, use_edns=0, payload=1232, options=options)
        return dns.query.udp(message, "127.0.0.1", port=self._port, timeout=5)

    def texts(self, name: str, rtype: str = "A", subnet: str = "") -> list[str]:
        """The data of the last set in the answer."""
        answer = self.ask(name, rtype, subnet).answer
        return sorted(item.to_text() for item in answer[-1]) if answer else []


def _subnet(text: str) -> tuple[str, int]:
    address, _, bits = text.partition("/")
    return address, int(bits)


@pytest.fixture
def make_resolver(
    need: Callable[[str], str], free_port: Callable[[], int], tmp_path: Path
) -> Iterator[Callable[..., Resolver]]:
    """`make_resolver(node, "zone.")` is an unbound that asks the node for these zones."""
    started: list[subprocess.Popen[bytes]] = []

    def make(node: Node, *zones: str) -> Resolver:
        port = free_port()
        config = tmp_path / "unbound.conf"
        config.write_text(
            f"""server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{tmp_path}"
  pidfile: ""
  do-not-query-localhost: no
  do-ip6: no
  module-config: "subnetcache iterator"
  send-client-subnet: 127.0.0.0/8
  max-client-subnet-ipv4: 24
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  prefetch: no
  cache-min-ttl: 0
remote-control:
  control-enable: no
"""
            + "".join(f"stub-zone:\n  name: {zone}\n  stub-addr: 127.0.0.1@{node.dns}\n" for zone in zones)
        )
        with (tmp_path / "unbound.log").open("w") as log:
            argv = [need("unbound"), "-d", "-c", str(config)]
            started.append(subprocess.Popen(argv, stdout=log, stderr=log))
        resolver = Resolver(port)
        eventually(lambda: _answers(resolver, zones[0]), 15, 0.1)
        return resolver

    yield make
    for process in started:
        process.terminate()
        process.wait(10)


def _answers(resolver: Resolver, zone: str) -> bool:
    try:
        return resolver.ask(zone, "SOA").rcode() == dns.rcode.NOERROR
    except (OSError, dns.exception.DNSException):
        return False


def example_node(make: Callable[[], Node]) -> Node:
    """A node that serves the example zones, without their monitors: nothing leaves this machine."""
    node = make().write()
    shutil.rmtree(node.folder / "zones")
    shutil.copytree(ROOT / "zones", node.folder / "zones")
    for path in (node.folder / "zones").glob("*.yaml"):
        path.write_text(re.sub(r"^    monitors: .*\n", "", path.read_text(), flags=re.MULTILINE))
    node.start()
    eventually(node.fresh, 20)
    return node


def test_every_kind_of_name_in_the_example_zones(
    make_node: Callable[[], Node], make_resolver: Callable[..., Resolver]
) -> None:
    resolver = make_resolver(example_node(make_node), "example.com", "gslb.example.com")
    expected = {
        ("ns1.example.com", "A"): {"192.0.2.53"},
        ("ns1.example.com", "AAAA"): {"2001:db8:a::53"},
        ("example.com", "MX"): {"10 mail.example.com."},
        ("example.com", "CAA"): {'0 issue "ca.example.net"'},
        ("txt.example.com", "TXT"): {'"another"', '"one text; whatever it contains"'},
        ("sip.example.com", "SRV"): {"10 60 5060 mail.example.com."},
        ("any.thing.pages.example.com", "A"): {"203.0.113.80"},
        ("static.pages.example.com", "A"): {"203.0.113.81"},
        ("host3.example.com", "A"): {"203.0.113.3"},
        ("smtp.example.com", "A"): {"192.0.2.25", "198.51.100.25", "203.0.113.26"},
        ("zabbix-server.gslb.example.com", "AAAA"): set(),
    }
    for (name, rtype), texts in expected.items():
        assert set(resolver.texts(name, rtype)) == texts, (name, rtype)
    one_of = {
        ("example.com", "A"): {"192.0.2.80", "198.51.100.80"},
        ("www.example.com", "A"): {"192.0.2.80", "198.51.100.80", "203.0.113.80"},
        ("shop.example.com", "A"): {"192.0.2.80", "198.51.100.80", "203.0.113.80"},
        ("x.customers.example.com", "AAAA"): {"2001:db8:a::80", "2001:db8:b::80"},
        ("app.example.com", "A"): {"192.0.2.84", "198.51.100.84"},
    }
    for (name, rtype), texts in one_of.items():
        got = resolver.texts(name, rtype)
        assert len(got) == 1, (name, rtype)
        assert set(got) <= texts, (name, rtype)
    (https,) = resolver.texts("app.example.com", "HTTPS")
    assert re.fullmatch(r'1 \. alpn="h2,h3" ipv4hint="(192\.0\.2\.84|198\.51\.100\.84)"', https)
    assert resolver.ask("missing.example.com").rcode() == dns.rcode.NXDOMAIN
    assert resolver.ask("pages.example.com").rcode() == dns.rcode.NOERROR  # an empty non-terminal


def test_a_resolver_follows_failover(
    make_node: Callable[[], Node],
    make_sites: Callable[..., list[Site]],
    make_resolver: Callable[..., Resolver],
) -> None:
    tokyo, osaka = make_sites(TOKYO, OSAKA)
    node = make_node().write(SITES + MONITOR % tokyo.port + POOLS).start()
    eventually(node.fresh, 20)
    resolver = make_resolver(node, "gslb.example.com")
    seen = set()
    eventually(lambda: seen.update(resolver.texts("www.gslb.example.com")) or seen == {TOKYO, OSAKA}, 20, 0.2)
    died = tokyo.refuse()
    time.sleep(BOUND + 1.0 + 0.1)  # the bound and one TTL, which resolvers count in whole seconds
    answers = {
        address for _ in range(8) if (time.sleep(0.25), True) for address in resolver.texts("www.gslb.example.com")
    }
    print(f"\n{time.monotonic() - died:.1f} s after its death no client of the resolver gets Tokyo")
    assert answers == {OSAKA}
    assert osaka.asked is not None


def test_a_cache_entry_for_each_client_subnet(
    make_node: Callable[[], Node],
    make_sites: Callable[..., list[Site]],
    make_resolver: Callable[..., Resolver],
) -> None:
    tokyo, _ = make_sites(TOKYO, OSAKA)
    node = make_node().write(SITES + MONITOR % tokyo.port + POOLS, ecs="{trust: [127.0.0.0/8]}").start()
    eventually(node.fresh, 20)
    resolver = make_resolver(node, "gslb.example.com")

    def asked() -> int:
        return sum(counters["udp_queries"] for counters in node.serving().values())

    name = "geo.gslb.example.com"
    assert resolver.texts(name, subnet="203.0.113.0/24") == ["192.0.2.10"]
    assert resolver.texts(name, subnet="198.18.0.0/24") == ["198.51.100.10"]
    time.sleep(0.2)
    before = asked()
    for number in range(16):  # the whole /20 has one scope, so one entry serves it
        assert resolver.texts(name, subnet=f"203.0.{112 + number}.0/24") == ["192.0.2.10"]
    time.sleep(0.2)
    assert asked() == before
    assert resolver.texts(name, subnet="203.0.128.0/24") == ["198.51.100.10"]
