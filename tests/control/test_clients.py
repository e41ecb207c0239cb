"""Sampled clients: the same for the same seed, public, and in every network that a configuration tells apart."""

from collections import Counter
from ipaddress import ip_address, ip_network

from gslb.config.model import Match, Rule
from gslb.control.clients import CLIENTS, sample
from gslb.geo.atlas import Atlas
from gslb.table.build import compile_base
from gslb.table.entries import Base
from tests.support import config, name

WEB = Rule(("web",))


def base(*subnets: str) -> Base:
    rules = [Rule(("web",), match=Match(subnet=(subnet,))) for subnet in subnets]
    return compile_base(config(names=[name("www", *rules, WEB)]), Atlas.empty())


def test_samples_repeat_and_differ_by_seed() -> None:
    bases = [base("203.0.113.0/24")]
    assert sample(bases) == sample(bases)
    assert len(sample(bases)) == CLIENTS
    assert len(set(sample(bases, 1000, 1)) & set(sample(bases, 1000, 2))) < 100


def test_small_networks_are_not_missed() -> None:
    bases = [base("198.51.100.0/30"), base("2001:db8:7::/48")]
    found = Counter(
        str(network)
        for client in map(ip_address, sample(bases))
        for network in map(ip_network, ("198.51.100.0/30", "2001:db8:7::/48"))
        if client in network
    )
    assert 1000 < found["198.51.100.0/30"] < 1700  # half of the clients, IPv4, one of three ranges: 1333
    assert 250 < found["2001:db8:7::/48"] < 420


def test_where_nothing_is_told_apart_clients_are_public() -> None:
    clients = [ip_address(client) for client in sample([base()], 2000)]
    assert all(client.is_global and not client.is_multicast for client in clients if client.version == 4)
    assert all(client in ip_network("2000::/3") for client in clients if client.version == 6)
    assert 0.15 < sum(client.version == 6 for client in clients) / 2000 < 0.25
