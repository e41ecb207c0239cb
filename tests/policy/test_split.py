"""Which clients a partial drain keeps away: the share, always the same ones, and the scope."""

from hashlib import blake2b
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.policy.nodes import Answer, ByHash
from gslb.policy.split import Split, bucket
from tests.policy.test_nodes import Asker

AWAY, FIRST, HERE = Answer([b"away"]), Answer([b"first"]), Answer([b"here"])
NETWORKS = [(number << 8).to_bytes(4, "big") for number in range(0x0A0000, 0x0A0000 + 10_000)]
WIDE = [(0x20010DB8 << 96 | number << 72).to_bytes(16, "big") for number in range(10_000)]


@pytest.mark.parametrize("networks", [NETWORKS, WIDE], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("percent", [1, 10, 33, 50, 90])
def test_the_share_is_within_two_points_over_ten_thousand_networks(networks: list[bytes], percent: int) -> None:
    away = sum(bucket(network, b"site/tokyo") < percent for network in networks) / 100
    assert abs(away - percent) < 2


def test_the_documented_function() -> None:
    digest = blake2b(bytes((192, 0, 2, 0)) + b"site/tokyo", digest_size=8, person=b"gslb drain").digest()
    assert bucket(bytes((192, 0, 2, 0)), b"site/tokyo") == int.from_bytes(digest, "big") * 100 // 2**64


def test_targets_and_the_policy_hash_are_independent() -> None:
    away = {network for network in NETWORKS if bucket(network, b"site/tokyo") < 50}
    both = sum(bucket(network, b"site/osaka") < 50 for network in away)
    assert abs(both / len(away) - 0.5) < 0.03
    policy = ByHash([b"tokyo", b"osaka"], [1, 1], [AWAY, HERE], 1)
    chosen = sum(policy.select(Asker(int.from_bytes(network, "big"))) is AWAY for network in away)
    assert abs(chosen / len(away) - 0.5) < 0.03


@given(st.integers(0, 2**32 - 1), st.integers(1, 98), st.integers(1, 98))
def test_who_is_kept_away_stays_away_as_the_percent_rises(address: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    asker = Asker(address)
    if Split(b"site/tokyo", [low], [AWAY, HERE]).select(asker) is AWAY:
        assert Split(b"site/tokyo", [high], [AWAY, HERE]).select(asker) is AWAY


@given(st.integers(0, 2**32 - 1))
def test_several_percents_are_nested(address: int) -> None:
    place = bucket((address & 0xFFFFFF00).to_bytes(4, "big"), b"x")
    found = Split(b"x", [20, 60], [AWAY, FIRST, HERE]).select(Asker(address))
    assert found is (AWAY if place < 20 else FIRST if place < 60 else HERE)


@given(st.sampled_from([(4, 32, 24), (6, 128, 56)]), st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_one_network_is_one_client(family: tuple[int, int, int], network: int, host: int) -> None:
    version, bits, prefix = family
    base = network >> (128 - prefix) << (bits - prefix)
    split = Split(b"pool/web", [50], [AWAY, HERE])
    askers = [Asker(base | rest, version) for rest in (0, host % (1 << (bits - prefix)))]
    assert split.select(askers[0]) is split.select(askers[1])
    assert [asker.scope for asker in askers] == [prefix, prefix]


def test_a_wider_scope_stays() -> None:
    asker = Asker(int(ip_address("192.0.2.1")))
    asker.scope = 28
    Split(b"x", [50], [AWAY, HERE]).select(asker)
    assert asker.scope == 28
