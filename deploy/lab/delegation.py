"""Whether the world finds the zone: what its parent says of it, what each name server says, unbound, and Zonemaster.

`differences` asks from the network that its thread is in, and knows nothing of the lab.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from deploy.lab.insight import user
from deploy.lab.plan import OUTSIDE, RESOLVER, ZONE
from deploy.lab.processes import LabError, run

_PATIENCE = 3.0
_DEPTH = 8  # referrals from the root to the zone, at most
_FAMILIES = ("A", "AAAA")
_BAD = ("ERROR", "CRITICAL")
RESERVED = "NAMESERVER_IP_PRIVATE_NETWORK"  # Zonemaster's word for documentation addresses, which the example has

Transport = Callable[..., dns.message.Message]
TRANSPORTS: dict[str, Transport] = {"UDP": dns.query.udp, "TCP": dns.query.tcp}


class Referral(NamedTuple):
    """Names of the zone's servers as its parent tells them, and the addresses of those with glue."""

    servers: frozenset[str]
    glue: dict[str, frozenset[str]]


def differences(zone: str, root: str) -> list[str]:
    """From a root server's address down: where the parent and the zone's servers differ, and what was expected."""
    try:
        by = {name: _referral(zone, root, transport) for name, transport in TRANSPORTS.items()}
    except (dns.exception.DNSException, OSError, LookupError) as error:
        return [f"no referral to {zone}: {type(error).__name__}: {error}"]
    found = [] if by["UDP"] == by["TCP"] else [f"the parent: expected the same by TCP as by UDP, {by}"]
    return [*found, *_servers(zone, by["UDP"])]


def _servers(zone: str, referral: Referral) -> Iterator[str]:
    if len(referral.servers) < 2:
        yield f"the parent: expected two name servers or more, found {sorted(referral.servers)}"
    starts: set[str] = set()
    for name in sorted(referral.servers):
        if not referral.glue[name] and dns.name.from_text(name).is_subdomain(dns.name.from_text(zone)):
            yield f"the parent: expected glue for {name}, found none"
        for address in sorted(referral.glue[name]):
            for kind, transport in TRANSPORTS.items():
                where = f"{name} at {address} by {kind}"
                try:
                    yield from (f"{where}: {fault}" for fault in _judge(zone, referral, address, transport))
                    starts |= _values(_ask(transport, address, zone, "SOA"), zone, "SOA")
                except (dns.exception.DNSException, OSError) as error:
                    yield f"{where}: expected an answer, found {type(error).__name__}: {error}"
    if len(starts) > 1:
        yield f"expected the same SOA from all, found {sorted(starts)}"


def _judge(zone: str, referral: Referral, address: str, transport: Transport) -> Iterator[str]:
    """What one server says of the zone's top, and of the addresses of its servers."""
    expected: dict[tuple[str, str], frozenset[str] | None] = {(zone, "NS"): referral.servers, (zone, "SOA"): None}
    for name, glue in referral.glue.items():
        if glue:
            for family in _FAMILIES:
                expected[name, family] = frozenset(a for a in glue if (":" in a) == (family == "AAAA"))
    for (name, rtype), wanted in expected.items():
        reply = _ask(transport, address, name, rtype)
        code = dns.rcode.to_text(reply.rcode())
        if code != "NOERROR" or not reply.flags & dns.flags.AA:
            flags = dns.flags.to_text(reply.flags)
            yield f"{name} {rtype}: expected an authoritative answer, found {code}, flags {flags}"
            continue
        values = _values(reply, name, rtype)
        if wanted is None and len(values) != 1:
            yield f"{name} {rtype}: expected one, found {sorted(values)}"
        if wanted is not None and values != wanted:
            yield f"{name} {rtype}: the parent says {sorted(wanted)}, found {sorted(values)}"


def _referral(zone: str, server: str, transport: Transport) -> Referral:
    """As `dig +trace` walks. Raises LookupError where it does not get there."""
    goal = dns.name.from_text(zone)
    for _ in range(_DEPTH):
        reply = _ask(transport, server, zone, "NS")
        cuts = [rrset for rrset in reply.authority if rrset.rdtype == dns.rdatatype.NS]
        if reply.flags & dns.flags.AA or len(cuts) != 1:
            raise LookupError(f"{server} does not refer to it:\n{reply}")
        names = frozenset(str(item) for item in cuts[0])
        glue = {name: _addresses(reply, name) for name in names}
        if cuts[0].name == goal:
            return Referral(names, glue)
        server = min((a for found in glue.values() for a in found if ":" not in a), default="")
        if not server:
            raise LookupError(f"no address of any server of {cuts[0].name}:\n{reply}")
    raise LookupError(f"more than {_DEPTH} referrals")


def _addresses(reply: dns.message.Message, name: str) -> frozenset[str]:
    wanted = (dns.rdatatype.A, dns.rdatatype.AAAA)
    found = [rrset for rrset in reply.additional if rrset.rdtype in wanted and str(rrset.name) == name]
    return frozenset(str(item) for rrset in found for item in rrset)


def _ask(transport: Transport, server: str, name: str, rtype: str) -> dns.message.Message:
    query = dns.message.make_query(name, rtype, use_edns=0, payload=1232)
    query.flags &= ~dns.flags.RD
    return transport(query, server, timeout=_PATIENCE)


def _values(reply: dns.message.Message, name: str, rtype: str) -> frozenset[str]:
    owner, wanted = dns.name.from_text(name), dns.rdatatype.from_text(rtype)
    found = [rrset for rrset in reply.answer if rrset.name == owner and rrset.rdtype == wanted]
    return frozenset(str(item) for rrset in found for item in rrset)


def resolved(zone: str, names: frozenset[str], resolver: str) -> list[str]:
    """What a resolver makes of the delegation: NS and SOA of the zone, and the addresses of its servers."""
    found = []
    questions = [(zone, "SOA"), (zone, "NS"), *((name, family) for name in sorted(names) for family in _FAMILIES)]
    for name, rtype in questions:
        query = dns.message.make_query(name, rtype)
        try:
            reply = dns.query.udp(query, resolver, timeout=2 * _PATIENCE)
        except (dns.exception.DNSException, OSError) as error:
            found.append(f"{name} {rtype} by {resolver}: expected an answer, found {type(error).__name__}: {error}")
            continue
        values = _values(reply, name, rtype)
        if reply.rcode() or not values or (rtype == "NS" and values != names):
            wanted = sorted(names) if rtype == "NS" else "an answer"
            found.append(f"{name} {rtype} by {resolver}: expected {wanted}, found\n{reply}")
    return found


def zonemaster() -> list[str]:
    """What zonemaster-cli calls an error, from the lab's own root. Raises LabError where it is not installed."""
    if not shutil.which("zonemaster-cli"):
        raise LabError("zonemaster-cli is not installed: tools/system-tools zonemaster-cli")
    hints = RESOLVER.folder / "root.hints"
    argv = ("zonemaster-cli", "--hints", str(hints), "--json", "--level", "NOTICE", ZONE)
    parsed = json.loads(run(OUTSIDE.host("user"), *argv, seconds=200))
    messages = parsed if isinstance(parsed, list) else parsed["results"]
    if not messages:
        return ["Zonemaster said nothing at all: expected at least a notice about documentation addresses"]
    texts = [(m["level"], m["tag"], f"Zonemaster: {m['level']} {m['tag']} {m.get('args', '')}") for m in messages]
    for _, _, text in texts:
        print(f"  {text}")
    return [text for level, tag, text in texts if level in _BAD and tag != RESERVED]


def check() -> bool:
    """Print what was found of the lab's own delegation. Whether it is right."""
    root, names = OUTSIDE.host("parent").address, frozenset(f"ns{number}.{ZONE}." for number in (1, 2))
    faults = []
    for text, judge in (
        ("parent and name servers, each by UDP and TCP", lambda: differences(ZONE, root)),
        ("unbound", lambda: resolved(ZONE, names, RESOLVER.address)),
    ):
        faults += user().do(judge)
        print(f"asked {text}")
    faults += zonemaster()
    print("\n".join(f"  WRONG: {fault}" for fault in faults) or f"the delegation of {ZONE} is right")
    return not faults
