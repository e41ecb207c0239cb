"""respond(): every kind of reply, read back by dnspython."""

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gslb.config.model import Match, Pool, Rule
from gslb.context import TCP, UDP, Context
from gslb.counters import NAMES
from gslb.responder import respond
from tests.support import (
    APEX,
    OSAKA,
    SOURCE,
    TOKYO,
    addresses,
    ask,
    config,
    context,
    header,
    member,
    name,
    query,
    states,
    table,
)

STATIC = (
    "txt 60 TXT hello",
    "big 60 TXT " + " ".join(f'"{"x" * 250}"' for _ in range(6)),
    "a.ent 60 TXT below",
    "*.wild 60 TXT wildcard",
    "sub 600 NS ns.sub",
    "sub 600 NS ns1",
    "sub 600 NS ns.elsewhere.net.",
    "ns.sub 600 A 192.0.2.77",
    "chain1 60 CNAME chain2",
    "chain2 60 CNAME www",
    "tochild 60 CNAME x.sub",
    "toout 60 CNAME www.example.net.",
    "tonothing 60 CNAME missing",
    "totext 60 CNAME txt",
    "*.cw 60 CNAME txt",
    "loop1 60 CNAME loop2",
    "loop2 60 CNAME loop1",
)
LONG = tuple(f"l{at} 60 CNAME l{at + 1}" for at in range(20))
MANY = Pool("many", tuple(member(f"m{at}", f"192.0.2.{at + 1}") for at in range(60)), policy="all", max_answers=60)
RULES = (Rule(("asia",), match=Match(subnet=("1.0.0.0/8",))), Rule(("web",)))
ASIA = Pool("asia", (member("asia", "192.0.2.200"),))


def made(seed: int = 1, **health: object) -> Context:
    full = config(
        (*STATIC, *LONG),
        [Pool("web", (TOKYO, OSAKA)), MANY, ASIA],
        [name("www", Rule(("web",))), name("many", Rule(("many",))), name("geo", *RULES)],
        ecs_trust=("192.0.2.0/24",),
    )
    return context(table(full, states(full, **health)), seed)  # type: ignore[arg-type]


CTX = made()


def counted(ctx: Context) -> dict[str, int]:
    return {key: value for key, value in zip(NAMES, ctx.counters, strict=True) if value}


def shape(message: dns.message.Message) -> tuple[int, bool, tuple[int, int, int]]:
    """RCODE, AA, and the records of each section."""
    sections = (message.answer, message.authority, message.additional)
    return message.rcode(), bool(message.flags & dns.flags.AA), tuple(sum(map(len, s)) for s in sections)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("owner", "rtype", "expected"),
    [
        ("www", "A", (0, True, (1, 0, 0))),
        ("www", "AAAA", (0, True, (1, 0, 0))),
        ("www", "TXT", (0, True, (0, 1, 0))),
        ("txt", "TXT", (0, True, (1, 0, 0))),
        ("txt", "TYPE666", (0, True, (0, 1, 0))),
        ("txt", "RRSIG", (0, True, (0, 1, 0))),
        ("missing", "A", (3, True, (0, 1, 0))),
        ("x.txt", "A", (3, True, (0, 1, 0))),
        ("ent", "A", (0, True, (0, 1, 0))),
        ("x.y.wild", "TXT", (0, True, (1, 0, 0))),
        ("x.wild", "A", (0, True, (0, 1, 0))),
        ("@", "SOA", (0, True, (1, 0, 0))),
        ("@", "NS", (0, True, (2, 0, 0))),
        ("@", "DS", (0, True, (0, 1, 0))),
        ("sub", "A", (0, False, (0, 3, 2))),
        ("x.sub", "A", (0, False, (0, 3, 2))),
        ("sub", "NS", (0, False, (0, 3, 2))),
        ("sub", "DS", (0, True, (0, 1, 0))),
        ("chain2", "CNAME", (0, True, (1, 0, 0))),
        ("chain2", "ANY", (0, True, (1, 0, 0))),
        ("chain1", "A", (0, True, (3, 0, 0))),
        ("chain1", "MX", (0, True, (2, 1, 0))),
        ("totext", "TXT", (0, True, (2, 0, 0))),
        ("x.cw", "TXT", (0, True, (2, 0, 0))),
        ("toout", "A", (0, True, (1, 0, 0))),
        ("tochild", "A", (0, True, (1, 0, 0))),
        ("tonothing", "A", (3, True, (1, 1, 0))),
        ("loop1", "A", (2, False, (0, 0, 0))),
        ("l0", "A", (2, False, (0, 0, 0))),
        ("www", "ANY", (0, True, (1, 0, 0))),
        ("ent", "ANY", (0, True, (0, 1, 0))),
        ("www.example.net.", "A", (5, False, (0, 0, 0))),
        (".", "NS", (5, False, (0, 0, 0))),
    ],
)
@pytest.mark.parametrize("transport", [UDP, TCP])
@pytest.mark.parametrize("payload", [None, 1232])
def test_rcode_authority_and_counts(
    owner: str, rtype: str, expected: tuple[int, bool, tuple[int, int, int]], transport: int, payload: int | None
) -> None:
    wire = query(owner, rtype, payload=payload)
    reply = ask(CTX, wire, transport=transport)
    assert shape(reply) == expected
    assert reply.id == int.from_bytes(wire[:2], "big")
    assert reply.flags & 0x7BF0 == dns.flags.RD
    assert (reply.edns == 0) is (payload is not None)


def test_every_owner_of_a_chain_is_the_target_before_it() -> None:
    reply = ask(CTX, query("chain1"))
    assert [rrset.name.to_text() for rrset in reply.answer] == [
        f"{owner}.{APEX}" for owner in ("chain1", "chain2", "www")
    ]
    assert addresses(reply)[0] in (TOKYO.addresses[0], OSAKA.addresses[0])
    missing = ask(CTX, query("tonothing"))
    assert missing.authority[0].name.to_text() == APEX
    assert missing.authority[0].rdtype == 6


def test_a_chain_of_16_is_followed() -> None:
    assert shape(ask(CTX, query("l4"), transport=TCP)) == (3, True, (16, 1, 0))
    assert shape(ask(CTX, query("l3"), transport=TCP)) == (2, False, (0, 0, 0))


def test_negative_answers_carry_the_soa_with_the_lesser_ttl() -> None:
    for owner in ("missing", "x.y.z.missing", "ent"):
        soa = ask(CTX, query(owner)).authority[0]
        assert (soa.name.to_text(), soa.ttl) == (APEX, 30)
        assert soa[0].to_text() == f"ns1.{APEX} hostmaster.example.com. 1 3600 600 604800 30"


def test_referrals_hold_names_and_glue() -> None:
    reply = ask(CTX, query("deep.below.sub"))
    assert reply.authority[0].name.to_text() == f"sub.{APEX}"
    assert {item.to_text() for item in reply.authority[0]} == {f"ns.sub.{APEX}", f"ns1.{APEX}", "ns.elsewhere.net."}
    glue = {(rrset.name.to_text(), rrset[0].to_text()) for rrset in reply.additional}
    assert glue == {(f"ns.sub.{APEX}", "192.0.2.77"), (f"ns1.{APEX}", "192.0.2.53")}


def test_the_question_is_echoed_as_sent() -> None:
    wire = query("wWw").replace(b"gslb", b"GsLb")
    reply = respond(CTX, wire, SOURCE, UDP)
    assert reply is not None
    assert reply[12 : len(wire)] == wire[12:]
    assert reply[len(wire) : len(wire) + 2] == b"\xc0\x0c"


def test_draws_follow_the_weights() -> None:
    ctx = made(seed=4)
    drawn = [addresses(ask(ctx, query("www")))[0] for _ in range(10_000)]
    assert abs(drawn.count(TOKYO.addresses[0]) / 10_000 - 0.6) < 0.02
    assert counted(ctx) == {"udp_queries": 10_000, "noerror": 10_000}


@pytest.mark.parametrize(("owner", "rtype"), [("big", "TXT"), ("many", "A")])
def test_what_does_not_fit_is_truncated_whole(owner: str, rtype: str) -> None:
    payload = None if owner == "many" else 1232
    wire = query(owner, rtype, payload=payload)
    short = ask(CTX, wire)
    assert short.flags & dns.flags.TC
    assert shape(short) == (0, True, (0, 0, 0))
    full = ask(CTX, wire, transport=TCP)
    assert not full.flags & dns.flags.TC
    assert sum(map(len, full.answer)) == (60 if owner == "many" else 1)


def test_truncation_of_other_sections() -> None:
    lines = [f"t 60 NS n{at}.{'y' * 50}.t" for at in range(6)]
    glue = [f"n{at}.{'y' * 50}.t 60 A 192.0.2.{at + 1}" for at in range(6)]
    sibling = ["s 60 NS ns1", *(f"s 60 NS {'z' * 60}{at}.example.net." for at in range(5))]
    long = [f"c{'x' * 60} 60 CNAME {'y' * 63}.{'y' * 63}.{'y' * 60}", "d 60 CNAME " + f"c{'x' * 60}"]
    deep = f"{'y' * 63}.{'y' * 63}.{'y' * 60} 60 CNAME {'w' * 63}.{'v' * 63}"
    ctx = context(table(config([*lines, *glue, *sibling, *long, deep])))
    whole = ask(ctx, query("t", payload=1232))
    assert shape(whole) == (0, False, (0, 6, 6))
    assert ask(ctx, query("t")).flags & dns.flags.TC
    short = ask(ctx, query("s", payload=512))
    assert (shape(short), bool(short.flags & dns.flags.TC)) == ((0, False, (0, 6, 0)), False)
    assert shape(ask(ctx, query("s", payload=1232))) == (0, False, (0, 6, 1))
    chain = ask(ctx, query("d", "A", payload=512))
    assert chain.flags & dns.flags.TC


@pytest.mark.parametrize("wire", [b"", bytes(11), header(flags=0x8180)])
def test_silence(wire: bytes) -> None:
    ctx = made()
    assert respond(ctx, wire, SOURCE, UDP) is None
    assert counted(ctx) == {"udp_queries": 1, "ignored": 1}


@pytest.mark.parametrize(
    ("wire", "reply", "counter"),
    [
        (
            header(ident=7, flags=0x17FF) + b"\0\0\1\0\1",
            header(ident=7, flags=0x9004, counts=(0, 0, 0, 0)),
            "notimp",
        ),
        (header(ident=7, counts=(0, 0, 0, 0)), header(ident=7, flags=0x8001, counts=(0, 0, 0, 0)), "formerr"),
        (header(ident=7, counts=(2, 0, 0, 0)), header(ident=7, flags=0x8001, counts=(0, 0, 0, 0)), "formerr"),
        (header(ident=7) + b"\xc0\x0c\0\1\0\1", header(ident=7, flags=0x8001, counts=(0, 0, 0, 0)), "formerr"),
    ],
)
def test_header_only_replies(wire: bytes, reply: bytes, counter: str) -> None:
    ctx = made()
    assert respond(ctx, wire, SOURCE, TCP) == reply
    assert counted(ctx) == {"tcp_queries": 1, counter: 1}


@pytest.mark.parametrize(
    ("rtype", "transport", "rcode", "ede"),
    [
        ("AXFR", UDP, 4, None),
        ("AXFR", TCP, 5, 18),
        ("IXFR", UDP, 5, 18),
        ("IXFR", TCP, 5, 18),
        ("TYPE0", UDP, 1, 30),
        ("OPT", UDP, 1, 30),
        ("TYPE128", UDP, 1, 30),
        ("TYPE129", UDP, 4, None),
        ("TKEY", UDP, 4, None),
        ("TSIG", UDP, 4, None),
        ("MAILB", UDP, 4, None),
        ("MAILA", UDP, 4, None),
    ],
)
def test_meta_types(rtype: str, transport: int, rcode: int, ede: int | None) -> None:
    number = dns.rdatatype.from_text(rtype)
    wire = query("www", "A", payload=1232).replace(
        b"\0\0\1\0\1\0\0\x29", b"\0" + number.to_bytes(2, "big") + b"\0\1\0\0\x29"
    )
    reply = ask(CTX, wire, transport=transport)
    assert shape(reply) == (rcode, False, (0, 0, 0))
    assert [option.code for option in reply.options if isinstance(option, dns.edns.EDEOption)] == [ede] * bool(ede)


def of_class(owner: str, rclass: int, rtype: str = "A", payload: int | None = None) -> bytes:
    text = owner if owner.endswith(".") else f"{owner}.{APEX}"
    use = 0 if payload else False
    return dns.message.make_query(text, rtype, rclass, use_edns=use, payload=payload or 0).to_wire()


def test_class_any_is_answered_without_authority() -> None:
    for payload in (None, 1232):
        assert shape(ask(CTX, of_class("www", 255, payload=payload))) == (0, False, (1, 0, 0))
        assert shape(ask(CTX, of_class("missing", 255, payload=payload))) == (3, False, (0, 1, 0))


@pytest.mark.parametrize("rclass", [0, 4, 254, 65280])
def test_other_classes_are_refused(rclass: int) -> None:
    assert shape(ask(CTX, of_class("www", rclass))) == (5, False, (0, 0, 0))


@pytest.mark.parametrize("owner", ["id.server.", "HOSTNAME.bind."])
def test_chaos_names_the_node(owner: str) -> None:
    reply = ask(CTX, of_class(owner, 3, "TXT"))
    assert shape(reply) == (0, True, (1, 0, 0))
    assert reply.answer[0][0].to_text() == '"tokyo-1"'
    assert reply.answer[0].rdclass == 3


@pytest.mark.parametrize(("owner", "rtype"), [("version.bind.", "TXT"), ("id.server.", "A"), ("x.", "TXT")])
def test_other_chaos_is_refused(owner: str, rtype: str) -> None:
    assert shape(ask(CTX, of_class(owner, 3, rtype))) == (5, False, (0, 0, 0))


NSID = dns.edns.NSIDOption(b"")


@pytest.mark.parametrize("owner", ["www", "missing", "www.example.net.", "sub"])
def test_nsid_comes_when_asked_for(owner: str) -> None:
    reply = ask(CTX, query(owner, options=[NSID]))
    assert [option.to_wire() for option in reply.options if option.otype == 3] == [b"tokyo-1"]


def test_a_version_that_we_do_not_speak() -> None:
    message = dns.message.make_query("www." + APEX, "A", use_edns=1, options=[NSID, dns.edns.ECSOption("1.2.3.0", 24)])
    reply = ask(CTX, message.to_wire())
    assert shape(reply) == (16, False, (0, 0, 0))
    assert reply.edns == 0
    assert [option.otype for option in reply.options] == [3]


def test_malformed_options_are_formerr_with_opt() -> None:
    wire = query("www", options=[dns.edns.GenericOption(10, b"short")])
    reply = ask(CTX, wire)
    assert shape(reply) == (1, False, (0, 0, 0))
    assert (reply.edns, reply.options) == (0, ())


def test_badvers_comes_before_what_is_wrong_with_options() -> None:
    options = [dns.edns.GenericOption(10, b"short"), NSID]
    wire = dns.message.make_query("www." + APEX, "A", use_edns=1, options=options).to_wire()
    reply = ask(CTX, wire)
    assert (reply.rcode(), [option.otype for option in reply.options]) == (16, [3])


def test_formerr_for_options_still_names_the_node() -> None:
    reply = ask(CTX, query("www", options=[NSID, dns.edns.GenericOption(10, b"short")]))
    assert (reply.rcode(), [option.to_wire() for option in reply.options]) == (1, [b"tokyo-1"])


def test_a_chain_too_long_for_tcp_is_truncated() -> None:
    big = " ".join(f'"{"x" * 250}"' for _ in range(259))
    labels = ".".join("y" * 60 for _ in range(3))
    chain = [f"d{at}.{labels} 60 CNAME d{at + 1}.{labels}" for at in range(12)]
    ctx = context(table(config([*chain, f"d12.{labels} 60 TXT {big}"])))
    reply = respond(ctx, query(f"d0.{labels}", "TXT"), SOURCE, TCP)
    assert reply is not None
    assert len(reply) <= 65535
    assert dns.message.from_wire(reply).flags & dns.flags.TC


def ecs_of(owner: str, subnet: str, bits: int, source: bytes = SOURCE) -> tuple[list[str], str]:
    reply = ask(CTX, query(owner, options=[dns.edns.ECSOption(subnet, bits)]), source)
    option = next(option for option in reply.options if isinstance(option, dns.edns.ECSOption))
    return addresses(reply), option.to_text().removeprefix("ECS ")


def test_ecs_decides_and_the_scope_says_by_how_many_bits() -> None:
    assert ecs_of("geo", "1.2.3.0", 24) == (["192.0.2.200"], "1.2.3.0/24 scope/8")
    found, text = ecs_of("geo", "8.8.8.0", 24)
    assert found[0] in (TOKYO.addresses[0], OSAKA.addresses[0])
    assert text == "8.8.8.0/24 scope/5"
    assert ecs_of("www", "1.2.3.0", 24)[1] == "1.2.3.0/24 scope/0"
    assert ecs_of("geo", "0.0.0.0", 0, bytes((1, 1, 1, 1))) == (["192.0.2.200"], "0.0.0.0/0 scope/0")
    assert ecs_of("geo", "10.0.0.0", 24, bytes((1, 1, 1, 1))) == (["192.0.2.200"], "10.0.0.0/24 scope/0")


def test_nodata_is_tailored_too() -> None:
    reply = ask(CTX, query("geo", "AAAA", options=[dns.edns.ECSOption("1.2.3.0", 24)]))
    assert shape(reply) == (0, True, (0, 1, 0))
    assert [option.to_text() for option in reply.options] == ["ECS 1.2.3.0/24 scope/8"]


def test_not_ready_and_failing_open_are_counted() -> None:
    ctx = made(unknown=[TOKYO.addresses[0]])
    assert shape(ask(ctx, query("chain1"))) == (2, False, (0, 0, 0))
    assert counted(ctx) == {"udp_queries": 1, "servfail": 1, "not_ready": 1}
    ctx = made(down=[*TOKYO.addresses, *OSAKA.addresses])
    assert len(addresses(ask(ctx, query("chain1")))) == 2
    assert len(addresses(ask(ctx, query("www")))) == 2
    assert counted(ctx) == {"udp_queries": 2, "noerror": 2, "fail_open": 2}


def test_a_fault_of_ours_costs_one_query_and_is_counted() -> None:
    ctx = made()
    ctx.table = None  # type: ignore[assignment]
    assert respond(ctx, query("www"), SOURCE, UDP) is None
    assert counted(ctx) == {"udp_queries": 1, "failed": 1}


@settings(max_examples=300)
@given(st.binary(max_size=120), st.integers(0, 200), st.integers(0, 255), st.sampled_from([UDP, TCP]))
def test_whatever_comes_gets_silence_or_a_message(junk: bytes, at: int, octet: int, transport: int) -> None:
    ctx = made()
    good = bytearray(query("geo", options=[NSID, dns.edns.ECSOption("1.2.3.0", 24)]))
    good[at % len(good)] = octet
    for wire in (bytes(good), bytes(good[: at % len(good)]) + junk, junk):
        reply = respond(ctx, wire, SOURCE, transport)
        if reply is not None:
            dns.message.from_wire(reply)
            assert reply[:2] == wire[:2]
    assert ctx.counters[NAMES.index("failed")] == 0
