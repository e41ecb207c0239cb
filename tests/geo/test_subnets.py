"""Subnets: which are private, and masks by address."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.geo.subnets import is_private, mask_layer, parse


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.0/8",
        "10.1.2.3/32",
        "172.16.0.0/12",
        "172.31.255.0/24",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.1/32",
        "fc00::/7",
        "fd12:3456::/32",
        "fe80::/10",
        "::1/128",
        "::ffff:10.0.0.0/104",
    ],
)
def test_private(text: str) -> None:
    assert is_private(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",
        "0.0.0.0/0",
        "::/0",
        "8.0.0.0/6",
        "172.0.0.0/8",
        "100.0.0.0/8",
        "::/64",
        "::ffff:192.0.2.0/120",
        "fe00::/7",
    ],
)
def test_public(text: str) -> None:
    assert not is_private(parse(text))


def test_a_mapped_subnet_is_the_ipv4_one() -> None:
    assert parse("::ffff:192.0.2.0/120") == ip_network("192.0.2.0/24")
    assert parse("::ffff:0:0/96") == ip_network("0.0.0.0/0")
    assert parse("2001:db8::/32") == ip_network("2001:db8::/32")


TEXTS = [
    "0.0.0.0/0",
    "192.0.2.0/24",
    "192.0.2.128/25",
    "192.0.3.0/24",
    "192.0.2.0/23",
    "255.255.255.255/32",
    "0.0.0.0/32",
    "::/0",
    "2001:db8::/32",
    "2001:db8:8000::/33",
    "2001:db8::1/128",
    "ffff::/16",
]
PROBES = [ip_address(edge) for text in TEXTS for edge in (ip_network(text)[0], ip_network(text)[-1])]
PROBES += [ip_address(text) for text in ("192.0.1.255", "192.0.4.0", "192.0.2.127", "2001:db9::", "::1")]


@given(
    st.dictionaries(st.sampled_from([1, 2, 4, 1 << 40]), st.lists(st.sampled_from(TEXTS)), max_size=4), st.booleans()
)
def test_masks_say_whose_subnets_an_address_is_in(sets: dict[int, list[str]], eight: bool) -> None:
    always = 8 if eight else 0
    layer = mask_layer({bit: [parse(text) for text in texts] for bit, texts in sets.items()}, always)
    for probe in PROBES:
        expected = always
        for bit, texts in sets.items():
            expected |= bit if any(probe in ip_network(text) for text in texts) else 0
        assert layer.entries[layer.ranges.find(probe.version, int(probe))[0]] == expected
