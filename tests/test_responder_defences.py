"""Who may ask, how often, and how a client proves its address."""

import random

import dns.edns
import dns.message
import pytest

from gslb.config.model import Match, Rule
from gslb.config.settings import RateLimit
from gslb.context import TCP, UDP, Context
from gslb.counters import NAMES
from gslb.dns.cookie import make_cookie
from gslb.limiter import Limiter
from gslb.responder import respond
from tests.support import APEX, SOURCE, ask, config, context, header, name, query, table

SECRETS = (bytes(range(16)), bytes(range(16, 32)))
CLIENT = b"clientco"
NOW = 1_790_000_000
OTHER = bytes((198, 51, 100, 9))


def made(**settings: object) -> Context:
    ctx = context(table(config(**settings)))  # type: ignore[arg-type]
    ctx.now = NOW
    return ctx


def counted(ctx: Context, key: str) -> int:
    return ctx.counters[NAMES.index(key)]


def with_cookie(cookie: bytes, owner: str = "www") -> bytes:
    return query(owner, options=[dns.edns.GenericOption(10, cookie)])


def cookie_of(reply: dns.message.Message) -> bytes:
    found = [option.to_wire() for option in reply.options if option.otype == 10]
    assert len(found) == 1
    return found[0] or b""


def test_a_client_cookie_gets_a_full_one_without_a_further_round() -> None:
    ctx = made(cookie_secrets=SECRETS)
    reply = ask(ctx, with_cookie(CLIENT))
    assert reply.answer
    assert cookie_of(reply) == make_cookie(SECRETS[0], CLIENT, NOW, SOURCE)
    assert counted(ctx, "cookies_good") == 0
    again = ask(ctx, with_cookie(cookie_of(reply)))
    assert cookie_of(again) == cookie_of(reply)
    assert counted(ctx, "cookies_good") == 1


@pytest.mark.parametrize("owner", ["missing", "a.example.net.", "www"])
def test_every_kind_of_reply_carries_it(owner: str) -> None:
    assert len(cookie_of(ask(made(cookie_secrets=SECRETS), with_cookie(CLIENT, owner)))) == 24


def test_without_secrets_cookies_are_an_unknown_option() -> None:
    assert ask(made(), with_cookie(CLIENT)).options == ()


def test_badvers_still_carries_it() -> None:
    message = dns.message.make_query(APEX, "A", use_edns=1, options=[dns.edns.GenericOption(10, CLIENT)])
    reply = ask(made(cookie_secrets=SECRETS), message.to_wire())
    assert reply.rcode() == 16
    assert len(cookie_of(reply)) == 24


def test_a_cookie_without_a_question() -> None:
    opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x08" + CLIENT
    reply = ask(made(cookie_secrets=SECRETS), header(counts=(0, 0, 0, 1)) + opt)
    assert (reply.rcode(), reply.question) == (0, [])
    assert len(cookie_of(reply)) == 24
    plain = respond(made(), header(counts=(0, 0, 0, 1)) + opt, SOURCE, UDP)
    assert plain == header(flags=0x8001, counts=(0, 0, 0, 1)) + b"\0\0\x29\x04\xd0" + bytes(6)  # RFC 6891 section 6.1.1


def test_malformed_cookies_are_formerr_without_one() -> None:
    reply = ask(made(cookie_secrets=SECRETS), with_cookie(b"short"))
    assert (reply.rcode(), reply.options) == (1, ())


def limited(**settings: object) -> Context:
    ctx = made(cookie_secrets=SECRETS)
    ctx.limiter = Limiter(RateLimit(rate=1, burst=2, **settings), 1.0, random.Random(1))  # type: ignore[arg-type]
    for _ in range(2):
        assert ask(ctx, query("www")).answer
    return ctx


def test_a_limited_reply_is_truncated_and_no_longer_than_the_query() -> None:
    ctx = limited()
    for payload in (None, 1232):
        wire = query("www", payload=payload)
        reply = ask(ctx, wire)
        assert reply.flags & 0x0200
        assert (reply.rcode(), reply.answer) == (0, [])
        assert len(respond(ctx, wire, SOURCE, UDP) or b"") <= len(wire)
    assert counted(ctx, "rate_limited") == 4


def test_who_knows_cookies_is_told_badcookie() -> None:
    ctx = limited()
    reply = ask(ctx, with_cookie(CLIENT))
    assert (reply.rcode(), reply.answer) == (23, [])
    assert counted(ctx, "badcookie") == 1
    assert ask(ctx, with_cookie(cookie_of(reply))).answer


def test_a_cookie_probe_under_limit_gets_badcookie_and_a_cookie() -> None:
    opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x08" + CLIENT
    reply = ask(limited(), header(counts=(0, 0, 0, 1)) + opt)
    assert (reply.rcode(), reply.question) == (23, [])
    assert len(cookie_of(reply)) == 24
    assert respond(limited(), header(counts=(0, 0, 0, 0)), SOURCE, UDP) is None


def test_tcp_and_other_networks_are_not_limited() -> None:
    ctx = limited()
    assert ask(ctx, query("www"), transport=TCP).answer
    assert ask(ctx, with_cookie(b"x" * 24), transport=TCP).rcode() == 0
    assert ask(ctx, query("www"), source=OTHER).answer


def test_slip_0_is_silence_and_so_is_an_error_under_limit() -> None:
    assert respond(limited(slip=0), query("www"), SOURCE, UDP) is None
    assert respond(limited(), header(counts=(2, 0, 0, 0)), SOURCE, UDP) is None


def test_a_dry_run_only_counts() -> None:
    ctx = limited(dry_run=True)
    assert ask(ctx, query("www")).answer
    assert counted(ctx, "rate_limited") == 1


def test_who_may_ask() -> None:
    ctx = made(acl_query=("203.0.113.0/24", "2001:db8::/32"))
    assert ask(ctx, query("www")).answer
    assert ask(ctx, query("www"), source=bytes.fromhex("20010db8" + "0" * 24)).answer
    reply = ask(ctx, query("www", payload=1232), source=OTHER)
    assert (reply.rcode(), [option.to_text() for option in reply.options]) == (5, ["EDE 18 (Prohibited)"])


def test_keepalive_is_for_tcp() -> None:
    ctx = made()
    ctx.keepalive = 100
    wire = query("www", options=[dns.edns.GenericOption(11, b"")])
    assert [option.to_wire() for option in ask(ctx, wire, transport=TCP).options] == [b"\0\x64"]
    assert ask(ctx, wire).options == ()


@pytest.mark.parametrize("owner", ["version.bind.", "version.server."])
def test_the_version_is_told_if_the_operator_wants(owner: str) -> None:
    wire = dns.message.make_query(owner, "TXT", "CH").to_wire()
    assert ask(made(version="gslb"), wire).answer[0][0].to_text() == '"gslb"'
    assert ask(made(), wire).rcode() == 5


def test_whoami_tells_the_chosen_few_how_they_look() -> None:
    rules = (Rule(("web",), match=Match(subnet=("1.0.0.0/8",))), Rule(("web",)))
    ctx = made(names=[name("geo", *rules)], acl_whoami=("203.0.113.0/24",))
    reply = ask(ctx, query("whoami", "TXT", options=[dns.edns.ECSOption("1.2.3.0", 24)]))
    assert [text.decode() for text in reply.answer[0][0].strings] == [
        "source=203.0.113.7",
        "ecs=1.2.3.0",
        f"geo.{APEX} rule=1 scope=8",
        "node=tokyo-1",
        "generation=0",
    ]
    assert [option.to_text() for option in reply.options] == ["ECS 1.2.3.0/24 scope/8"]
    plain = ask(ctx, query("whoami", "TXT"))
    assert plain.answer[0][0].strings[:2] == (b"source=203.0.113.7", f"geo.{APEX} rule=2 scope=1".encode())
    refused = ask(ctx, query("whoami", "TXT", payload=1232), source=OTHER)
    assert (refused.rcode(), [option.to_text() for option in refused.options]) == (5, ["EDE 18 (Prohibited)"])
    assert ask(ctx, query("whoami", "A")).rcode() == 0


def test_an_alias_of_whoami_is_refused_like_it() -> None:
    ctx = made(static=("me 60 CNAME whoami",), acl_whoami=("203.0.113.0/24",))
    assert ask(ctx, query("me", "TXT")).rcode() == 0
    reply = ask(ctx, query("me", "TXT", payload=1232), source=OTHER)
    assert (reply.rcode(), [option.to_text() for option in reply.options]) == (5, ["EDE 18 (Prohibited)"])


def test_whoami_over_ipv6() -> None:
    ctx = made(acl_whoami=("2001:db8::/32",))
    source = bytes.fromhex("20010db8" + "0" * 23 + "1")
    reply = ask(ctx, query("whoami", "TXT", options=[dns.edns.ECSOption("2a00:1450::", 56)]), source)
    assert reply.answer[0][0].strings[0] == b"source=2001:db8::1"


def test_whoami_is_off_unless_asked_for_and_yields_to_data() -> None:
    assert ask(made(), query("whoami", "TXT")).rcode() == 3
    ctx = made(static=("whoami 60 TXT mine",), acl_whoami=("0.0.0.0/0",))
    assert ask(ctx, query("whoami", "TXT")).answer[0][0].to_text() == '"mine"'
