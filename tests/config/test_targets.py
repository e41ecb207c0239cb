import pytest

from gslb.config.targets import denied, denied_port, remedy


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1", "64:ff9b::c000:201"])
def test_everything_else_may_be_probed(address: str) -> None:
    assert denied(address, ()) == ""


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.0.9", "loopback"),
        ("::1", "loopback"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("255.255.255.255", "broadcast"),
        ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("fd20:ce::254", "metadata"),
        ("168.63.129.16", "metadata"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
    ],
)
def test_the_node_itself_and_its_surroundings_are_denied(address: str, word: str) -> None:
    assert word in denied(address, ())


def test_what_is_listed_is_allowed() -> None:
    assert denied("127.0.0.11", ("::1/128", "127.0.0.0/8")) == ""
    assert denied("::ffff:127.0.0.11", ("127.0.0.0/8",)) == ""
    assert "loopback" in denied("127.0.0.11", ("::1/128", "192.0.2.0/24"))


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("100.100.100.200", "metadata"),
        ("192.0.0.192", "metadata"),
        ("::127.0.0.1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b:1::7f00:1", "loopback"),
        ("2001:0:7f00:1::", "loopback"),  # the server of Teredo; the client is the complement of the last 32 bits
        ("2001:0:c000:201::5601:5601", "metadata"),
        ("::e000:1", "multicast"),
    ],
)
def test_addresses_that_lead_to_denied_ones(address: str, word: str) -> None:
    assert word in denied(address, ())
    assert denied(address, ("0.0.0.0/0",)) == ""


def test_deny_beats_allow() -> None:
    assert denied("10.1.2.3", ("10.0.0.0/8",), ("10.1.0.0/16",)) == "in 10.1.0.0/16 of probe.deny"
    assert denied("10.2.2.3", ("10.0.0.0/8",), ("10.1.0.0/16",)) == ""
    assert denied("64:ff9b::a01:203", ("::/0",), ("10.1.0.0/16",)) == "in 10.1.0.0/16 of probe.deny"
    assert denied("2001:db8::1", (), ("2001:db8::/32",)) == "in 2001:db8::/32 of probe.deny"


def test_what_to_change() -> None:
    assert remedy("127.0.0.1", ()) == "list 127.0.0.1 in probe.allow of the node file"
    assert remedy("127.0.0.1", ("127.0.0.0/8",)) == "take it out of probe.deny of the node file"


def test_ports() -> None:
    deny = ((25, 25), (6000, 6063))
    assert denied_port(25, deny) == "in probe.ports.deny"
    assert [bool(denied_port(port, deny)) for port in (24, 26, 5999, 6000, 6063, 6064)] == [0, 0, 0, 1, 1, 0]
    assert denied_port(6001, deny) == "in 6000-6063 of probe.ports.deny"
    assert denied_port(25, ()) == ""
