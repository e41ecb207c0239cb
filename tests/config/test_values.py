import pytest

from gslb.config.values import address, duration, endpoint, identifier, network, ports, reference, share, shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("5s", 5.0), ("1.5s", 1.5), ("10m", 600.0), ("2h", 7200.0), ("0s", 0.0)]
)
def test_duration_is_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["5", "s", "5 s", "5d", "-5s", "1e3s", "", "\u0665s", 5, None, True])
def test_duration_without_a_unit_or_a_number_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be a duration such as"):
        duration(text)


@pytest.mark.parametrize(("value", "number"), [("10%", 0.1), ("2.5%", 0.025), (0.3, 0.3), (1, 1.0)])
def test_share_is_a_number_or_a_percentage(value: object, number: float) -> None:
    assert share(value) == number


@pytest.mark.parametrize("value", ["ten", "10", True, None, [1]])
def test_share_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a share"):
        share(value)


def test_identifier_is_kept() -> None:
    assert identifier("tokyo-1.a_B") == "tokyo-1.a_B"


@pytest.mark.parametrize("text", ["", "a/b", "a b", "-a", "x" * 64, "a\n"])
def test_identifier_that_would_not_fit_a_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a name is up to 63"):
        identifier(text)


@pytest.mark.parametrize(
    ("text", "canonical"), [("192.0.2.1", "192.0.2.1"), ("2001:DB8:0:0::1", "2001:db8::1"), ("::", "::")]
)
def test_address_is_canonical(text: str, canonical: str) -> None:
    assert address(text) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("192.0.2.256", "must be an IPv4 or IPv6 address"),
        ("www", "must be an IPv4 or IPv6 address"),
        ("fe80::1%eth0", "without a zone"),
        ("::ffff:192.0.2.1", "the IPv4 address itself: 192.0.2.1"),
    ],
)
def test_address_of_no_use_in_dns_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        address(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("192.0.2.0/24", "192.0.2.0/24"), ("192.0.2.1", "192.0.2.1/32"), ("2001:DB8::/32", "2001:db8::/32")],
)
def test_network_is_canonical(text: str, canonical: str) -> None:
    assert network(text) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("192.0.2.1/24", "192.0.2.0/24 is meant"),
        ("192.0.2.0/33", "must be a network such as"),
        ("ten", "must be a network such as"),
        ("::ffff:192.0.2.0/120", "the IPv4 address itself"),
    ],
)
def test_network_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [("127.0.0.1:53", ("127.0.0.1", 53)), ("[::1]:5300", ("::1", 5300)), ("0.0.0.0:1", ("0.0.0.0", 1))],
)
def test_endpoint_is_address_and_port(text: str, found: tuple[str, int]) -> None:
    assert endpoint(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("127.0.0.1", "must be an address and a port"),
        ("::1:53", "must be an address and a port"),
        ("[127.0.0.1]:53", "in brackets"),
        ("localhost:53", "must be an IPv4 or IPv6 address"),
        ("127.0.0.1:0", "must have a port from 1 to 65535"),
        ("127.0.0.1:65536", "must have a port from 1 to 65535"),
        (":53", "must be an IPv4 or IPv6 address"),
    ],
)
def test_endpoint_without_its_parts_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        endpoint(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ({}, "a mapping"),
        ([], "a list"),
        (True, "true"),
        (5, "5"),
        ("x", "'x'"),
        ("x" * 99, "'" + "x" * 56 + "..."),
    ],
)
def test_values_are_quoted_shortly(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(("value", "found"), [(25, (25, 25)), ("25-25", (25, 25)), ("6000-6063", (6000, 6063))])
def test_ports_are_one_or_a_range(value: object, found: tuple[int, int]) -> None:
    assert ports(value) == found


@pytest.mark.parametrize(
    "value", [0, 65536, -1, True, None, 2.0, "25", "0-9", "9-3", "1-65536", "1-2-3", "a-b", "\u0661-9"]
)
def test_what_is_no_range_of_ports(value: object) -> None:
    with pytest.raises(ValueError, match="must be a port from 1 to 65535, or a range such as 6000-6063"):
        ports(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("2001:DB8::1", ("2001:db8::1", 0)),
        ("192.0.2.53:53", ("192.0.2.53", 53)),
        ("[2001:db8::1]:53", ("2001:db8::1", 53)),
    ],
)
def test_references(text: str, expected: tuple[str, int]) -> None:
    assert reference(text) == expected


@pytest.mark.parametrize("text", ["router", "192.0.2.1:0", "[2001:db8::1]", "192.0.2.1:", "fe80::1%eth0"])
def test_no_references(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        reference(text)
