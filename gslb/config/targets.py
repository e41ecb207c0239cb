"""Which addresses must not be probed: a config that anyone may edit must not turn the prober on the node itself."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# First match gives the reason, so the special case of a range stands before it.
_DENIED = tuple(
    (ip_network(text), reason)
    for text, reason in (
        ("169.254.169.254/32", "the metadata service of clouds"),
        ("fd00:ec2::254/128", "the metadata service of clouds"),
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
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached


def denied(address: str, allow: Sequence[str]) -> str:
    """Why `address` must not be probed, or "" where it may; `allow` holds networks that may be probed all the same."""
    found = ip_address(address)
    reached = _reached(found)
    if any(candidate in ip_network(text) for text in allow for candidate in (found, reached)):
        return ""
    return next((reason for block, reason in _DENIED if reached in block), "")


def _reached(found: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return found.ipv4_mapped
        if found in _NAT64:
            return IPv4Address(int(found) & 0xFFFFFFFF)
    return found
