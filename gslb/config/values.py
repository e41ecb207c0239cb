"""Texts with a meaning: durations, shares, addresses, endpoints, names of things.

Each parser raises ValueError that says what was expected; who calls adds the place.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
_ENDPOINT = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([0-9]{1,5})")


def duration(text: object) -> float:
    """Seconds of a duration such as 500ms, 5s, 10m or 2h."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"must be a duration such as 500ms, 5s, 10m or 2h (got {shown(text)})")
    return round(float(match[1]) * _UNITS[match[2]], 9)


def share(value: object) -> float:
    """A share as a number, given as 0.1 or 10%."""
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if match:
        return float(match[1]) / 100
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"must be a share such as 0.1 or 10% (got {shown(value)})")


def identifier(text: str) -> str:
    """The name of a site, monitor, pool, member or node: it stands in targets like site/NAME and in metrics."""
    if not _LABEL.fullmatch(text):
        raise ValueError(f"a name is up to 63 letters, digits, dots, hyphens and underscores (got {shown(text)})")
    return text


def address(text: str) -> str:
    """Canonical text of an IPv4 or IPv6 address."""
    return str(_address(text))


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        found = ip_address(text)
    except ValueError:
        raise ValueError(f"must be an IPv4 or IPv6 address (got {shown(text)})") from None
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            raise ValueError(f"must be an address without a zone such as %eth0 (got {shown(text)})")
        if found.ipv4_mapped:
            raise ValueError(f"must be the IPv4 address itself: {found.ipv4_mapped} (got {shown(text)})")
    return found


def network(text: str) -> str:
    """Canonical text of a network; an address alone is the network of just that address."""
    try:
        found = ip_network(text, strict=False)
        exact = ip_address(text.partition("/")[0])
    except ValueError:
        raise ValueError(f"must be a network such as 192.0.2.0/24 or 2001:db8::/32 (got {shown(text)})") from None
    _address(str(found.network_address))
    if exact != found.network_address:
        raise ValueError(f"has bits set behind its prefix: {found} is meant? (got {shown(text)})")
    return str(found)


def endpoint(text: str) -> tuple[str, int]:
    """(address, port) of "192.0.2.1:53" or "[2001:db8::1]:53"."""
    match = _ENDPOINT.fullmatch(text)
    if match is None:
        raise ValueError(f'must be an address and a port such as "127.0.0.1:53" or "[::1]:53" (got {shown(text)})')
    host = _address(match[1] if match[2] is None else match[2])
    if (host.version == 6) != (match[2] is None):
        raise ValueError(f"must have an IPv6 address, and only that, in brackets (got {shown(text)})")
    port = int(match[3])
    if not 1 <= port <= 65535:
        raise ValueError(f"must have a port from 1 to 65535 (got {port})")
    return str(host), port


def reference(text: str) -> tuple[str, int]:
    """(address, port) of an endpoint, or of an address alone: port 0."""
    try:
        return address(text), 0
    except ValueError:
        if ":" not in text:
            raise
    return endpoint(text)


def ports(value: object) -> tuple[int, int]:
    """The first and the last port of one, such as 25, or of a range such as 6000-6063."""
    match = _PORTS.fullmatch(value) if isinstance(value, str) else None
    low, high = (int(match[1]), int(match[2])) if match else (value, value)
    if isinstance(low, int) and isinstance(high, int) and not isinstance(low, bool) and 1 <= low <= high <= 65535:
        return low, high
    raise ValueError(f"must be a port from 1 to 65535, or a range such as 6000-6063 (got {shown(value)})")


def shown(value: object) -> str:
    """A value as a message quotes it: short, and null by the word that a reader of YAML expects."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
