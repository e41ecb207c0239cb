"""Which addresses must not be probed: a config that anyone may edit must not turn the prober on the node itself."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# First match gives the reason, so the special case of a range stands before it.
_DENIED = tuple(
    (ip_network(text), reason)
    for text, reason in (
        ("169.254.169.254/32", "the metadata service of clouds"),
        ("fd00:ec2::254/128", "the metadata service of clouds"),
        ("fd20:ce::254/128", "the metadata service of clouds"),
        ("100.100.100.200/32", "the metadata service of clouds"),
        ("168.63.129.16/32", "the metadata service of clouds"),
        ("192.0.0.192/32", "the metadata service of clouds"),
        ("127.0.0.0/8", "a loopback address"),
        ("::1/128", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("fe80::/10", "a link-local address"),
        ("224.0.0.0/4", "a multicast address"),
        ("ff00::/8", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("0.0.0.0/8", "an unspecified address"),
        ("::/128", "an unspecified address"),
    )
)
# The last 32 bits are the IPv4 address that is reached: NAT64 (RFC 6052, RFC 8215), IPv4-compatible (RFC 4291).
_EMBEDDING = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
_LOOPBACK = 1  # this, and "unspecified" before it, lie in ::/96 too


def denied(address: str, allow: Sequence[str], deny: Sequence[str] = ()) -> str:
    """Why `address` must not be probed, or "" where it may; `deny` and `allow` hold networks, and `deny` beats `allow`.

    An IPv6 address that leads to an IPv4 one is judged as both.
    """
    forms = tuple(_forms(ip_address(address)))
    for text in deny:
        if any(form in ip_network(text) for form in forms):
            return f"in {text} of probe.deny"
    if any(form in ip_network(text) for text in allow for form in forms):
        return ""
    return next((reason for block, reason in _DENIED for form in forms if form in block), "")


def remedy(address: str, deny: Sequence[str]) -> str:
    """What to change in the node file so that a denied address may be probed."""
    if denied(address, ("0.0.0.0/0", "::/0"), deny):
        return "take it out of probe.deny of the node file"
    return f"list {address} in probe.allow of the node file"


def denied_port(port: int, deny: Sequence[tuple[int, int]]) -> str:
    """Why no probe may connect to `port`, or "" where it may; `deny` holds first and last port of each range."""
    for low, high in deny:
        if low <= port <= high:
            return f"in {low}-{high} of probe.ports.deny" if low < high else "in probe.ports.deny"
    return ""


def _forms(found: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address, and the IPv4 addresses to which it may lead."""
    yield found
    if isinstance(found, IPv4Address):
        return
    yield from filter(None, (found.ipv4_mapped, found.sixtofour, *(found.teredo or ())))
    if int(found) > _LOOPBACK and any(found in block for block in _EMBEDDING):
        yield IPv4Address(int(found) & 0xFFFFFFFF)
