"""Unbound finds us from the root, through real delegations, and resolves what we serve and what we delegate."""

from collections.abc import Callable, Iterator

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.resolver.world import NODE, PARENT, World, made

pytestmark = pytest.mark.e2e

RESOLVER = "127.0.0.1"
UNBOUND = """\
server:
  interface: {resolver}@53
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  root-hints: "{folder}/hints"
  module-config: "iterator"
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  outgoing-interface: {asks_from}
  do-not-query-localhost: no
remote-control:
  control-enable: no
"""
MORE = "      svc: {pool: sessions, svcb: {alpn: [dot], port: 853}}\n"
EXPECTED = {
    ("ns1.example.com", "A"): {"192.0.2.53"},
    ("mail.example.com", "A"): {"203.0.113.25"},
    ("x.y.pages.example.com", "A"): {"203.0.113.80"},
    ("near.example.com", "A"): {"192.0.2.83"},  # the resolver is in Japan
    ("smtp.example.com", "A"): {"192.0.2.25", "198.51.100.25", "203.0.113.26"},
    ("host.lab.example.com", "TXT"): {'"served-elsewhere"'},  # behind a zone cut of ours
    ("example.com", "TXT"): {'"v=spf1 mx -all"'},
    ("sip.example.com", "SRV"): {"10 60 5060 mail.example.com."},
}
PATTERNS = {
    ("static.example.com", "A"): {"edge.example.net.\n203.0.113.44", "edge.example.org."},  # an alias out of the zone
    ("shop.example.com", "A"): {f"www.example.com.\n{address}" for address in ("192.0.2.80", "198.51.100.80")},
    ("app.example.com", "HTTPS"): {f'1 . alpn="h2,h3" ipv4hint={a}' for a in ("192.0.2.84", "198.51.100.84")},
    ("svc.example.com", "SVCB"): {f'1 . alpn="dot" port=853 ipv4hint={a}' for a in ("192.0.2.84", "198.51.100.84")},
}


@pytest.fixture(scope="module")
def world(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The whole way from the root to the node, and unbound at its other end."""
    folder = tmp_path_factory.mktemp("delegation")
    writer = MMDBWriter(4, "Test")
    writer.insert_network(IPSet([f"{PARENT}/32"]), {"country": {"iso_code": "JP"}})
    writer.to_db_file(str(folder / "places.mmdb"))
    (folder / "hints").write_text(f". 3600 NS a.root-servers.net.\na.root-servers.net. 3600 A {PARENT}\n")
    (folder / "unbound.conf").write_text(UNBOUND.format(resolver=RESOLVER, folder=folder, asks_from=PARENT))
    with made(need, folder) as inside:
        inside.serve(NODE + "geo: {databases: [places.mmdb]}\n", MORE)
        inside.start(need("unbound"), "-d", "-c", str(folder / "unbound.conf"))
        inside.wait(RESOLVER, "example.com", "SOA")
        yield inside


@pytest.mark.parametrize(("name", "rtype"), EXPECTED)
def test_data(world: World, name: str, rtype: str) -> None:
    assert set(world.dig(RESOLVER, name, rtype, "+short").split("\n")) - {""} == EXPECTED[name, rtype]


@pytest.mark.parametrize(("name", "rtype"), PATTERNS)
def test_one_of_several(world: World, name: str, rtype: str) -> None:
    assert world.dig(RESOLVER, name, rtype, "+short").strip() in PATTERNS[name, rtype]


def test_what_does_not_exist(world: World) -> None:
    assert "status: NXDOMAIN" in world.dig(RESOLVER, "missing.example.com", "A")
    assert "status: NXDOMAIN" in world.dig(RESOLVER, "missing.lab.example.com", "A")
    nothing = world.dig(RESOLVER, "mail.example.com", "AAAA")
    assert "status: NOERROR" in nothing
    assert "ANSWER: 0" in nothing
