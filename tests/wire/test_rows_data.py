"""C22-C33: what zones hold."""

import pytest

from tests.wire.content import NEGATIVE_TTL
from tests.wire.exchange import Channel
from tests.wire.message import (
    AAAA,
    APEX,
    CNAME,
    DS,
    HTTPS,
    MX,
    NS,
    SOA,
    SRV,
    TXT,
    A,
    Reply,
    ede,
    opt,
    query,
    require,
    texts,
)

SUB_NS = {f"NS ns.sub.{APEX}", "NS ns.elsewhere.net."}


def negative(reply: Reply, rcode: str, apex: str = APEX) -> None:
    """NXDOMAIN or NODATA, with the apex's SOA at the lesser of its TTL and MINIMUM (RFC 2308 section 3)."""
    reply.expect(rcode, "qr aa", "1/0/1/0")
    soa = reply.message.authority[0]
    require(soa.rdtype == SOA and soa.name.to_text() == apex, f"{reply.label}: no SOA of {apex}")
    require(soa.ttl == NEGATIVE_TTL, f"{reply.label}: SOA TTL {soa.ttl}")


def test_c22_nxdomain(channel: Channel) -> None:
    """RFC 2308: NXDOMAIN → AA, 0/1 (SOA), SOA TTL = min(SOA TTL, MINIMUM)"""
    for qname in ("missing", "a.b.c.missing", "below.www", "x.a.ent"):
        negative(channel.ask(query(qname), qname), "NXDOMAIN")


def test_c23_nodata(channel: Channel) -> None:
    """RFC 2308: NODATA → AA NOERROR 0/1 (SOA), same TTL"""
    for qname, rtype in (("www", TXT), ("txt", A), ("@", A), ("a.ent", MX)):
        negative(channel.ask(query(qname, rtype), f"{qname} type {rtype}"), "NOERROR")


def test_c24_empty_non_terminal(channel: Channel) -> None:
    """RFC 4592, 8020: empty non-terminal → NODATA, never NXDOMAIN"""
    for rtype in (A, TXT, NS):
        negative(channel.ask(query("ent", rtype), f"ent type {rtype}"), "NOERROR")


def test_c25_wildcards(channel: Channel) -> None:
    """RFC 4592 §2.2.1: the examples; not where the name or an ENT exists; wildcard NODATA; literal *"""

    def found(qname: str, rtype: int, *expected: str) -> None:
        reply = channel.ask(query(qname, rtype), qname).expect("NOERROR", "qr aa", "1/1/0/0", free="counts")
        require(texts(reply) == list(expected), f"{qname}: {texts(reply)}")
        require(reply.answer[0].name.to_text() == qname, f"{qname}: another owner")

    found("host3.example.", MX, "MX 10 host1.example.")
    found("foo.bar.example.", TXT, 'TXT "this is a wildcard"')
    found("*.example.", TXT, 'TXT "this is a wildcard"')
    found("sub.*.example.", TXT, 'TXT "this is not a wildcard"')
    negative(channel.ask(query("host3.example.", A), "host3.example. A"), "NOERROR", "example.")
    negative(channel.ask(query("host1.example.", MX), "host1.example. MX"), "NOERROR", "example.")
    negative(channel.ask(query("sub.*.example.", MX), "sub.*.example. MX"), "NOERROR", "example.")
    negative(channel.ask(query("_tcp.host1.example.", SRV), "_tcp.host1.example. SRV"), "NOERROR", "example.")
    missing = ("_telnet._tcp.host1.example.", "ghost.*.example.", "x.sub.*.example.")
    for qname in missing:
        negative(channel.ask(query(qname, SRV), f"{qname} SRV"), "NXDOMAIN", "example.")
    delegated = channel.ask(query("host.subdel.example.", A), "host.subdel.example. A")
    delegated.expect("NOERROR", "qr", "1/0/2/0")


def test_c26_aliases(channel: Channel) -> None:
    """RFC 1034, 6604: CNAME chain → whole chain and final RRset, RCODE of the last name; outside: the CNAME"""
    chain = [f"CNAME chain2.{APEX}", f"CNAME www.{APEX}"]
    reply = channel.ask(query("chain1"), "chain1 A").expect("NOERROR", "qr aa", "1/3/0/0")
    require(texts(reply) == [*chain, "A 192.0.2.10"], f"chain1 A: {texts(reply)}")
    reply = channel.ask(query("chain1", TXT), "chain1 TXT").expect("NOERROR", "qr aa", "1/2/1/0")
    require(texts(reply) == chain, f"chain1 TXT: {texts(reply)}")
    channel.ask(query("chain1", CNAME), "chain1 CNAME").expect("NOERROR", "qr aa", "1/1/0/0")
    channel.ask(query("tonothing"), "target that is missing").expect("NXDOMAIN", "qr aa", "1/1/1/0")
    reply = channel.ask(query("toout"), "target outside").expect("NOERROR", "qr aa", "1/1/0/0")
    require(texts(reply) == ["CNAME www.example.net."], f"target outside: {texts(reply)}")


@pytest.mark.ours
def test_c26_loops(channel: Channel) -> None:
    """a loop or a chain over 16 → SERVFAIL where it is not a config error"""
    channel.ask(query("loop1"), "static loop").expect("SERVFAIL", "qr", "1/0/0/0")
    channel.ask(query("echo"), "loop by a pool").expect("SERVFAIL", "qr", "1/0/0/0")
    channel.ask(query("l0"), "chain of 18").expect("SERVFAIL", "qr", "1/0/0/0")
    if not channel.udp:
        channel.ask(query("l2"), "chain of 16").expect("NXDOMAIN", "qr aa", "1/16/1/0")


def test_c27_referral(channel: Channel) -> None:
    """RFC 1034, 9471: below a sub-delegation → AA=0, NS in authority, all in-domain glue; what does not fit → TC=1"""
    for qname, rtype in (("sub", A), ("sub", NS), ("www.deep.sub", AAAA), ("ns.sub", A)):
        label = f"{qname} type {rtype}"
        reply = channel.ask(query(qname, rtype), label).expect("NOERROR", "qr", "1/0/2/2")
        names = {f"NS {item.to_text()}" for item in reply.message.authority[0]}
        require(names == SUB_NS, f"{label}: {names}")
        glue = {item.to_text() for rrset in reply.message.additional for item in rrset}
        require(glue == {"192.0.2.77", "2001:db8::77"}, f"{label}: glue {glue}")
    reply = channel.ask(query("x.wide"), "20 addresses in 512 octets")
    if channel.udp:
        reply.expect("NOERROR", "qr tc", "1/0/0/0", free="counts")
    else:
        reply.expect("NOERROR", "qr", "1/0/10/20")
    channel.ask(query("x.wide", edns=opt()), "20 addresses in 1232 octets").expect("NOERROR", "qr", "1/0/10/21", ())


def test_c28_ds_at_the_cut(channel: Channel) -> None:
    """RFC 4035 §3.1.4.1: DS at the cut → AA=1 NODATA + parent SOA"""
    negative(channel.ask(query("sub", DS), "sub DS"), "NOERROR")


def test_c29_names_of_others(channel: Channel) -> None:
    """outside our zones, . too; evilexample.org against example.org → REFUSED, empty, EDE 20; no upward referral"""
    for qname in ("www.example.org.", ".", "com.", "evilgslb.example.com.", "example.com."):
        channel.ask(query(qname, NS), qname).expect("REFUSED", "qr", "1/0/0/0")
        channel.ask(query(qname, NS, edns=opt()), f"{qname} with OPT").expect("REFUSED", "qr", "1/0/0/1", (ede(20),))


@pytest.mark.ours
def test_c30_not_ready(channel: Channel) -> None:
    """RFC 8914: zone known, no state yet → SERVFAIL + EDE 14"""
    channel.ask(query("cold"), "cold").expect("SERVFAIL", "qr", "1/0/0/0")
    channel.ask(query("cold", edns=opt()), "cold with OPT").expect("SERVFAIL", "qr", "1/0/0/1", (ede(14),))


def test_c31_rrsets_are_sets(channel: Channel) -> None:
    """RFC 2181 §5.2: any RRset → equal TTLs, no duplicates, TTL ≤ 2^31-1"""
    reply = channel.ask(query("multi"), "three records").expect("NOERROR", "qr aa", "1/3/0/0")
    require(sorted(texts(reply)) == [f"A 192.0.2.{20 + at}" for at in range(3)], f"{texts(reply)}")
    channel.ask(query("twice"), "a record written twice").expect("NOERROR", "qr aa", "1/1/0/0")
    longest = channel.ask(query("longest"), "TTL 2^31-1").expect("NOERROR", "qr aa", "1/1/0/0")
    require(longest.answer[0].ttl <= 0x7FFFFFFF, f"TTL {longest.answer[0].ttl}")
    owner, size = b"\xc0\x0c", 16
    body = reply.wire[len(query("multi")) :]
    ttls = {body[at + 6 : at + 10] for at in range(0, len(body), size) if body[at : at + 2] == owner}
    require(len(ttls) == 1, "TTLs differ within an RRset")


def test_c32_service_bindings(channel: Channel) -> None:
    """RFC 9460: HTTPS/SVCB of a name → keys sorted; hints only of sites in the answer set; AliasMode at the apex"""
    reply = channel.ask(query("svc", HTTPS), "static").expect("NOERROR", "qr aa", "1/1/0/0")
    keys = [int(key) for key in reply.answer[0][0].params]
    require(keys == [1, 3, 4], f"keys {keys}")
    if not reply.ours:
        return
    drawn = set()
    for _ in range(40):
        (item,) = channel.ask(query("pair", HTTPS), "from a pool").expect("NOERROR", "qr aa", "1/1/0/0").answer[0]
        assert [int(key) for key in item.params] == [1, 3, 4, 6]
        four, six = (tuple(item.params[key].addresses) for key in (4, 6))
        drawn.add((four, six))
    assert drawn <= {((f"192.0.2.6{at}",), (f"2001:db8::6{at}",)) for at in (1, 2)}
    alias = channel.ask(query("@", HTTPS), "AliasMode at the apex").expect("NOERROR", "qr aa", "1/1/0/0")
    assert texts(alias) == ["HTTPS 0 www.example.net."]


def test_c33_one_family_only(channel: Channel) -> None:
    """AAAA of a name that has only A members (and the reverse) → NODATA"""
    negative(channel.ask(query("v4only", AAAA), "v4only AAAA"), "NOERROR")
    negative(channel.ask(query("v6only", A), "v6only A"), "NOERROR")
    channel.ask(query("v4only", A), "v4only A").expect("NOERROR", "qr aa", "1/1/0/0")
    channel.ask(query("v6only", AAAA), "v6only AAAA").expect("NOERROR", "qr aa", "1/1/0/0")
