"""Names, client subnets and cookies beside a second, independent idea of what they are."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gslb.dns.cookie import answer_cookie, make_cookie
from gslb.dns.ecs import parse_ecs
from gslb.dns.message import FORMERR, parse
from gslb.dns.name import from_text, is_within, to_text
from tests.support import header

EXAMPLES = settings(max_examples=400, deadline=None)

# Names


def read_name(wire: bytes) -> list[bytes] | None:
    """The labels of the question's name by RFC 1035 section 4.1.4, as recursion; None where there is no legal name."""

    def rest(at: int) -> list[bytes]:
        size = wire[at]
        if size > 63:
            raise ValueError
        label = wire[at + 1 : at + 1 + size]
        return [label.translate(_FOLD), *rest(at + 1 + size)] if size else []

    try:
        labels = rest(0)
    except (IndexError, ValueError):
        return None
    return labels if sum(len(label) + 1 for label in labels) + 1 <= 255 else None


_FOLD = bytes(octet + 32 if 65 <= octet <= 90 else octet for octet in range(256))
LABEL = st.binary(min_size=1, max_size=63)
NAME = st.lists(LABEL, max_size=6).map(
    lambda labels: b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
)
WIRES = NAME | st.binary(max_size=300) | st.tuples(NAME, NAME, st.binary(max_size=80)).map(b"".join)


@EXAMPLES
@given(wire=WIRES)
def test_a_question_name_is_read_as_the_rfc_reads_it(wire: bytes) -> None:
    query = parse(header() + wire + b"\0\1\0\1")
    assert query is not None
    labels = read_name(wire + b"\0\1\0\1")
    behind = sum(len(label) + 1 for label in labels) + 1 + 4 if labels is not None else 0
    if labels is None or behind > len(wire) + 4:
        assert query.rcode == FORMERR
    else:
        assert query.rcode == 0
        assert query.qname == b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
        assert query.end == 12 + behind


@EXAMPLES
@given(first=NAME, second=NAME, mixed=st.booleans())
def test_names_compare_as_lists_of_folded_labels(first: bytes, second: bytes, mixed: bool) -> None:
    one, two = read_name(first), read_name(second if not mixed else first.swapcase() if len(first) < 60 else first)
    if one is None or two is None:
        return
    low = first.lower()
    other = b"".join(bytes((len(label),)) + label for label in two) + b"\0"
    assert (low == other) is (one == two)
    assert is_within(low, other) is (one[len(one) - len(two) :] == two and len(two) <= len(one))
    assert from_text(to_text(first)) == first


# Client subnets

OCTETS = st.binary(max_size=18)
OPTION = st.builds(
    lambda family, source, scope, octets: family.to_bytes(2) + bytes((source, scope)) + octets,
    st.sampled_from((0, 1, 1, 1, 2, 2, 2, 3, 256)),
    st.integers(0, 140) | st.sampled_from((0, 24, 32, 56, 128)),
    st.sampled_from((0, 0, 0, 0, 24)),
    OCTETS,
)
LEGAL = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda a: ip_network((a[0] >> 32 - a[1] << 32 - a[1], a[1]))
    ),
    st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
        lambda a: ip_network((a[0] >> 128 - a[1] << 128 - a[1], a[1]))
    ),
)


def read_subnet(data: bytes) -> tuple[int, int, int] | None:
    """(version, prefix length, address) by RFC 7871 section 6 through `ipaddress`, which refuses host bits."""
    if len(data) < 4 or data[3]:
        return None
    family, source, octets = int.from_bytes(data[:2]), data[2], data[4:]
    if family == 0:
        return (0, 0, 0) if not source and not octets else None
    if family not in (1, 2) or len(octets) * 8 not in range(source, source + 8):
        return None
    try:
        network = ip_network((octets.ljust(4 if family == 1 else 16, b"\0"), source))
    except ValueError:
        return None
    return network.version, source, int(network.network_address)


@EXAMPLES
@given(data=OPTION | OCTETS)
def test_a_client_subnet_is_read_as_ipaddress_reads_it(data: bytes) -> None:
    ecs = parse_ecs(data)
    assert (ecs and (ecs.family, ecs.source, ecs.address)) == read_subnet(data)


@EXAMPLES
@given(network=LEGAL, scope=st.integers(0, 128))
def test_every_legal_subnet_is_echoed_exactly(network: object, scope: int) -> None:
    assert isinstance(network, type(ip_network("::/0")) | type(ip_network("0.0.0.0/0")))
    source = network.prefixlen
    octets = network.network_address.packed[: (source + 7) // 8]
    data = (1 if network.version == 4 else 2).to_bytes(2) + bytes((source, 0)) + octets
    ecs = parse_ecs(data)
    assert ecs is not None
    assert (ecs.family, ecs.source, ecs.address) == (network.version, source, int(network.network_address))
    assert ecs.echo(scope) == bytes((0, 8, 0, len(data))) + data[:3] + bytes((scope,)) + octets


# Cookies


@dataclass
class Held:
    """A cookie with what the model knows of it."""

    cookie: bytes
    made: int
    secret: bytes
    source: bytes
    true: bool = True


class Cookies(RuleBasedStateMachine):
    """Clients, a clock that jumps, and an operator who changes secrets as RFC 9018 section 5 tells."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_790_000_000
        self.held: list[Held] = []
        self.number = 0

    @initialize()
    def begin(self) -> None:
        self.secrets = [self._secret()]

    def _secret(self) -> bytes:
        self.number += 1
        return self.number.to_bytes(16)

    @rule(source=st.sampled_from(("192.0.2.1", "192.0.2.2", "2001:db8::1")), client=st.binary(min_size=8, max_size=8))
    def ask_anew(self, source: str, client: bytes) -> None:
        packed = ip_address(source).packed
        cookie, good = answer_cookie(client, self.secrets, self.now, packed)
        assert not good
        assert (len(cookie), cookie[:8]) == (24, client)
        self.held.append(Held(cookie, self.now, self.secrets[0], packed))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.held))
        answer, good = answer_cookie(held.cookie, self.secrets, self.now, held.source)
        age = self.now - held.made
        assert good is (held.true and held.secret in self.secrets and -300 <= age <= 3600)
        fresh = good and age <= 1800 and held.secret == self.secrets[0]
        assert answer == (
            held.cookie if fresh else make_cookie(self.secrets[0], held.cookie[:8], self.now, held.source)
        )
        if not fresh:
            self.held.append(Held(answer, self.now, self.secrets[0], held.source))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), other=st.sampled_from(("192.0.2.9", "2001:db8::9")))
    def steal(self, data: st.DataObject, other: str) -> None:
        held = data.draw(st.sampled_from(self.held))
        self.held.append(Held(held.cookie, held.made, held.secret, ip_address(other).packed, true=False))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), at=st.integers(0, 23), bit=st.integers(0, 7))
    def forge(self, data: st.DataObject, at: int, bit: int) -> None:
        held = data.draw(st.sampled_from(self.held))
        cookie = bytearray(held.cookie)
        cookie[at] ^= 1 << bit
        _, good = answer_cookie(bytes(cookie), self.secrets, self.now, held.source)
        assert not good

    @rule(seconds=st.sampled_from((-400, -300, -1, 1, 299, 1800, 1801, 3600, 3601)))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def announce(self) -> None:
        """The next secret verifies before it signs."""
        self.secrets = [self.secrets[0], self._secret()]

    @precondition(lambda self: len(self.secrets) > 1)
    @rule()
    def rotate(self) -> None:
        self.secrets = [self.secrets[1], self.secrets[0]]

    @precondition(lambda self: len(self.secrets) > 1)
    @rule()
    def forget(self) -> None:
        self.secrets = self.secrets[:1]

    @invariant()
    def a_new_cookie_is_good_everywhere(self) -> None:
        source = ip_address("198.51.100.1").packed
        cookie, _ = answer_cookie(b"12345678", self.secrets, self.now, source)
        for secrets in (self.secrets, self.secrets[::-1]):
            assert answer_cookie(cookie, secrets, self.now, source)[1]


Cookies.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCookies = Cookies.TestCase
