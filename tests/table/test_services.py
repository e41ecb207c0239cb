"""HTTPS and SVCB made from pools (RFC 9460), and members that are names."""

from collections.abc import Iterable

import dns.edns
import dns.message
import dns.rdtypes.svcbbase
import pytest

from gslb import counters
from gslb.config.model import AllDown, Config, Match, Member, Pool, Rule, Service
from gslb.context import Context
from gslb.dns.name import from_text
from gslb.geo.atlas import Atlas
from gslb.table.build import compile_base
from gslb.table.entries import Table
from gslb.table.leaves import compile_pools
from gslb.table.snapshot import dump_base, dump_leaves, load_base, load_leaves
from tests.support import APEX, OSAKA, TOKYO, addresses, ask, config, context, member, name, query, states, table

ALPN = (1, b"\x02h2\x02h3")
HTTPS = Service(65, 1, b"\0", (ALPN, (3, b"\x01\xbb")))
SVCB = Service(64, 1, b"\0", ())
HINTS_4, HINTS_6 = dns.rdtypes.svcbbase.ParamKey.IPV4HINT, dns.rdtypes.svcbbase.ParamKey.IPV6HINT


def served(ctx: Context, rtype: str = "HTTPS", owner: str = "www") -> list[tuple[set[str], set[str]]]:
    """The hints of each record in one answer."""
    reply = ask(ctx, query(owner, rtype))
    out = []
    for rrset in reply.answer:
        for item in rrset:
            four, six = item.params.get(HINTS_4), item.params.get(HINTS_6)
            out.append((set(four.addresses) if four else set(), set(six.addresses) if six else set()))
    return out


def https(policy: str = "weighted", answers: int = 1, all_down: AllDown | None = None) -> Config:
    pool = Pool("web", (TOKYO, OSAKA), policy=policy, answers=answers, all_down=all_down or AllDown())  # type: ignore[arg-type]
    full = config(pools=[pool], names=[name("www", Rule(("web",)))])
    zone = full.zones[from_text(APEX)]
    dynamic = tuple(type(n)(n.owner, n.ttl, n.rules, n.where, (HTTPS, SVCB)) for n in zone.names)
    return type(full)(
        full.node, full.sites, {}, full.pools, {zone.apex: type(zone)(zone.apex, zone.records, dynamic)}, "d"
    )


BOTH = {TOKYO.addresses, OSAKA.addresses}


def pairs(hints: Iterable[tuple[set[str], set[str]]]) -> set[tuple[str, str]]:
    return {(next(iter(four), ""), next(iter(six), "")) for four, six in hints}


@pytest.mark.parametrize("rtype", ["HTTPS", "SVCB"])
def test_hints_are_of_one_drawn_member_in_both_families(rtype: str) -> None:
    full = https()
    ctx = context(table(full, states(full)))
    assert {pair for _ in range(100) for pair in pairs(served(ctx, rtype))} == BOTH
    assert all(len(served(ctx, rtype)) == 1 for _ in range(20))


def test_parameters_are_sorted_and_kept() -> None:
    full = https()
    text = ask(context(table(full, states(full))), query("www", "HTTPS")).answer[0][0].to_text()
    assert text.startswith('1 . alpn="h2,h3" port="443" ipv4hint="')


@pytest.mark.parametrize("policy", ["all", "weighted", "hash"])
def test_several_members_are_several_records(policy: str) -> None:
    full = https(policy, answers=2)
    assert pairs(served(context(table(full, states(full))))) == BOTH


def test_dead_and_drained_members_give_no_hints() -> None:
    full = https()
    dead = context(table(full, states(full, down=TOKYO.addresses)))
    assert {pair for _ in range(30) for pair in pairs(served(dead))} == {OSAKA.addresses}
    half = context(table(full, states(full, down=[TOKYO.addresses[1], *OSAKA.addresses])))
    assert served(half) == [({TOKYO.addresses[0]}, set())]
    drained = context(table(full, states(full, drained=["osaka"])))
    assert pairs(served(drained)) == {TOKYO.addresses}


def test_all_down() -> None:
    everything = [*TOKYO.addresses, *OSAKA.addresses]
    full = https()
    assert pairs(served(context(table(full, states(full, down=everything))))) == BOTH
    fallback = https(all_down=AllDown("fallback", ("203.0.113.80",)))
    assert served(context(table(fallback, states(fallback, down=everything)))) == [({"203.0.113.80"}, set())]
    last = https(all_down=AllDown("last_good"))
    base = compile_base(last, Atlas.empty())
    good = {"web": frozenset(OSAKA.addresses)}
    leaves = compile_pools(base, last, states(last, down=everything), good)
    assert pairs(served(context(Table(base, leaves)))) == {OSAKA.addresses}
    none = https(all_down=AllDown("nodata"))
    assert served(context(table(none, states(none, down=everything)))) == []


def cdn(*members: Member, **more: object) -> Config:
    pool = Pool("cdn", members or (NEAR, FAR), **more)  # type: ignore[arg-type]
    return config(
        ["inside 60 A 192.0.2.99", "alias 60 CNAME www"],
        pools=[pool],
        names=[name("www", Rule(("cdn",)))],
    )


NEAR = Member("near", "near", ("192.0.2.10",), 1, 0, from_text("edge.cdn.example.net."))
FAR = Member("far", "far", ("198.51.100.10",), 1, 0, from_text("origin.example.org."))
UNPROBED = Member("plain", "plain", (), 1, 0, from_text("plain.example.net."))
INSIDE = Member("inside", "inside", (), 1, 0, from_text(f"inside.{APEX}"))


def targets(ctx: Context, owner: str = "www", rtype: str = "A") -> set[str]:
    found = set()
    for _ in range(40):
        reply = ask(ctx, query(owner, rtype))
        found |= {item.to_text() for rrset in reply.answer for item in rrset if rrset.rdtype == 5}
    return found


@pytest.mark.parametrize("rtype", ["A", "AAAA", "TXT", "CNAME", "ANY"])
def test_a_name_member_is_answered_as_a_cname_to_every_type(rtype: str) -> None:
    full = cdn()
    assert targets(context(table(full, states(full))), rtype=rtype) == {"edge.cdn.example.net.", "origin.example.org."}


def test_only_live_names() -> None:
    full = cdn()
    ctx = context(table(full, states(full, down=["192.0.2.10"])))
    assert targets(ctx) == {"origin.example.org."}
    drained = context(table(full, states(full, drained=["far"])))
    assert targets(drained) == {"edge.cdn.example.net."}


def test_a_name_that_nobody_probes_lives_until_it_is_drained() -> None:
    full = cdn(UNPROBED, FAR)
    assert "plain.example.net." in targets(context(table(full, states(full, down=["198.51.100.10"]))))
    assert targets(context(table(full, states(full, drained=["plain"])))) == {"origin.example.org."}


def test_all_down_serves_one_name_at_most() -> None:
    full = cdn()
    ctx = context(table(full, states(full, down=["192.0.2.10", "198.51.100.10"])))
    assert targets(ctx) == {"edge.cdn.example.net."}
    none = cdn(all_down=AllDown("nodata"))
    ctx = context(table(none, states(none, down=["192.0.2.10", "198.51.100.10"])))
    assert (targets(ctx), ask(ctx, query("www")).rcode()) == (set(), 0)
    assert ask(ctx, query("alias")).authority[0].rdtype == 6


def edes(reply: dns.message.Message) -> list[str]:
    return [option.to_text() for option in reply.options]


def test_not_ready_is_servfail_also_at_the_end_of_a_chain() -> None:
    full = cdn()
    ctx = context(table(full, states(full, unknown=["192.0.2.10"])))
    for owner in ("www", "alias"):
        reply = ask(ctx, query(owner, payload=1232))
        assert (reply.rcode(), edes(reply)) == (2, ["EDE 14 (Not Ready)"])
    assert ctx.counters[counters.NOT_READY] == 2


@pytest.mark.parametrize("owner", ["www", "alias"])
@pytest.mark.parametrize("rtype", ["A", "CNAME", "TXT"])
def test_failing_open_is_visible_wherever_the_chain_passes(owner: str, rtype: str) -> None:
    full = cdn()
    ctx = context(table(full, states(full, down=["192.0.2.10", "198.51.100.10"])))
    visible = (owner, rtype) != ("alias", "CNAME")  # that is static data
    assert edes(ask(ctx, query(owner, rtype, payload=1232))) == ["EDE 0 (Other): no live site"] * visible
    assert ctx.counters[counters.FAIL_OPEN] == visible


def test_the_scope_of_a_chain_is_that_of_its_narrowest_link() -> None:
    pools = [
        Pool("inner", (Member("i", "i", (), 1, 0, from_text(f"wide.{APEX}")),)),
        Pool("outer", (Member("o", "o", (), 1, 0, from_text("elsewhere.example.net.")),)),
        Pool("web", (TOKYO,)),
        Pool("far", (OSAKA,)),
    ]
    narrow = (Rule(("inner",), match=Match(subnet=("20.1.2.0/24",))), Rule(("outer",)))
    wide = (Rule(("web",), match=Match(subnet=("20.0.0.0/8",))), Rule(("far",)))
    ctx = context(table(config(pools=pools, names=[name("narrow", *narrow), name("wide", *wide)])))
    reply = ask(ctx, query("narrow", options=[dns.edns.ECSOption("20.1.2.0", 24)]))
    assert addresses(reply) == [TOKYO.addresses[0]]
    assert edes(reply) == ["ECS 20.1.2.0/24 scope/24"]


def test_a_target_in_the_zone_is_followed() -> None:
    full = cdn(INSIDE)
    ctx = context(table(full, states(full)))
    reply = ask(ctx, query("alias"))
    assert len(reply.answer) == 3
    assert addresses(reply) == ["192.0.2.99"]


def test_such_tables_survive_the_trip_through_bytes() -> None:
    for full in (https(), cdn(), config(acl_whoami=("::/0",), acl_query=("10.0.0.0/8",))):
        made = table(full, states(full))
        base, leaves = load_base(dump_base(made.base)), load_leaves(dump_leaves(made.leaves))
        again = Table(base, leaves)
        assert again.base.digest == compile_base(full, Atlas.empty()).digest
        assert again.base.settings == made.base.settings
        assert again.base.chains == made.base.chains


def test_members_without_cname_are_not_confused() -> None:
    assert member("x", "192.0.2.1").cname == b""
