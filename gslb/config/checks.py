"""Members that are probed at other addresses than those that answers hold: a private one behind a translation, say."""

from collections.abc import Iterator, Sequence

from gslb.config.document import Findings, Path
from gslb.config.schema import MemberShape

_EXPECTED = "must be one for all addresses, or, of each family, one or as many as `addresses` has"


def check_pairs(shape: MemberShape, path: Path, findings: Findings) -> None:
    """Note check addresses that do not fit the addresses of a member."""
    if shape.addresses and shape.check and not checks_of(shape):
        got = f"(got {_counted(shape.check)} for {_counted(shape.addresses)})"
        findings.problem((*path, "check"), f"{_EXPECTED} {got}", "they are paired in their order")


def checks_of(shape: MemberShape) -> tuple[str, ...]:
    """The check address of each address; empty where there are none, or where they do not fit."""
    addresses, checks = shape.addresses or [], shape.check or []
    if len(checks) == 1:
        return (*checks * len(addresses),)
    pairs: dict[bool, Iterator[str]] = {}
    for is_ipv6 in (False, True):
        served, probed = _family(addresses, is_ipv6), _family(checks, is_ipv6)
        if len(probed) not in {len(served), min(1, len(served))}:
            return ()
        pairs[is_ipv6] = iter(probed if len(probed) == len(served) else probed * len(served))
    return tuple(next(pairs[":" in address]) for address in addresses)


def _family(addresses: Sequence[str], is_ipv6: bool) -> list[str]:
    return [address for address in addresses if (":" in address) == is_ipv6]


def _counted(addresses: Sequence[str]) -> str:
    return f"{len(_family(addresses, False))} of IPv4 and {len(_family(addresses, True))} of IPv6"
