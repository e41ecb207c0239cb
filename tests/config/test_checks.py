"""Which address is probed for which."""

import pytest

from tests.config.conftest import NODE, POOLS, Folder

V4, V6 = "192.0.2.1, 192.0.2.2", "2001:db8::1, 2001:db8::2"


def pools(addresses: str, check: str) -> str:
    return POOLS.replace("[192.0.2.1]", f"[{addresses}], check: [{check}]")


@pytest.mark.parametrize(
    ("addresses", "check", "probed"),
    [
        ("192.0.2.1", "10.0.0.1", ["10.0.0.1"]),
        ("192.0.2.1", "fd00::1", ["fd00::1"]),
        (V4, "10.0.0.1, 10.0.0.2", ["10.0.0.1", "10.0.0.2"]),
        (V4, "10.0.0.2", ["10.0.0.2", "10.0.0.2"]),
        (f"192.0.2.1, {V6}", "fd00::1", ["fd00::1"] * 3),
        ("'2001:db8::1', 192.0.2.1", "10.0.0.1, 'fd00::1'", ["fd00::1", "10.0.0.1"]),
        (f"{V4}, {V6}", "fd00::1, 10.0.0.1, fd00::2, 10.0.0.2", ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"]),
        (f"{V4}, {V6}", "10.0.0.1, fd00::1, fd00::2", ["10.0.0.1", "10.0.0.1", "fd00::1", "fd00::2"]),
    ],
)
def test_pairs(folder: Folder, addresses: str, check: str, probed: list[str]) -> None:
    (member,) = folder.load(pools=pools(addresses, check)).pools["web"].members
    assert [member.checked(address) for address in member.addresses] == probed
    assert list(member.probed) == list(dict.fromkeys(probed))


@pytest.mark.parametrize(
    ("addresses", "check", "got"),
    [
        (V4, "10.0.0.1, 10.0.0.2, 10.0.0.3", "(got 3 of IPv4 and 0 of IPv6 for 2 of IPv4 and 0 of IPv6)"),
        (V4, "10.0.0.1, 'fd00::1'", "(got 1 of IPv4 and 1 of IPv6 for 2 of IPv4 and 0 of IPv6)"),
        (f"192.0.2.1, {V6}", "10.0.0.1, 10.0.0.2", "(got 2 of IPv4 and 0 of IPv6 for 1 of IPv4 and 2 of IPv6)"),
        (V4, "'fd00::1', 'fd00::2'", "(got 0 of IPv4 and 2 of IPv6 for 2 of IPv4 and 0 of IPv6)"),
    ],
)
def test_what_does_not_fit(folder: Folder, addresses: str, check: str, got: str) -> None:
    (problem,) = folder.problems(pools=pools(addresses, check))
    place, message = problem.split(": ", 1)
    assert place.startswith("zones/a.yaml:11:")
    assert message.startswith(
        "pools.web.members.tokyo.check: must be one for all addresses, or, of each family, one or"
    )
    assert got in message


def test_what_is_connected_to_must_be_allowed_and_what_is_answered_need_not(folder: Folder) -> None:
    (problem,) = folder.messages(pools=pools("192.0.2.1, 192.0.2.2", "10.0.0.1, 127.0.0.1"))
    assert problem.startswith("pools.web.members.tokyo.check.1: 127.0.0.1 must not be probed: it is a loopback")
    folder.load(pools=pools("192.0.2.1", "10.0.0.1"), node=f"{NODE}probe: {{deny: [192.0.2.0/24]}}\n")


def test_without_check_an_address_is_probed_itself(folder: Folder) -> None:
    (member,) = folder.load().pools["web"].members
    assert (member.checks, member.probed, member.checked("192.0.2.1")) == ((), ("192.0.2.1",), "192.0.2.1")
