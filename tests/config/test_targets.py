import pytest

from gslb.config.targets import denied


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
