"""Cookies that are recalled: replies never show whether they were, and what is not the same is read."""

import dns.edns
import pytest

from gslb.context import TCP, UDP, Context
from gslb.counters import NAMES
from gslb.dns.cookie import make_cookie
from gslb.memory import MINUTE, Memory
from gslb.responder import respond
from tests.support import OSAKA, SOURCE, TOKYO, ask, config, context, query, states, table

NOW = 1_790_000_000.0
SECRETS = (bytes(range(16)), bytes(range(16, 32)))
CLIENT = b"clientco"
OTHER = bytes((198, 51, 100, 9))


def made(memory: Memory | None = None, **settings: object) -> Context:
    ctx = context(table(config(**{"cookie_secrets": SECRETS, **settings})))  # type: ignore[arg-type]
    ctx.now = NOW
    ctx.memory = memory
    return ctx


def counted(ctx: Context, key: str) -> int:
    return ctx.counters[NAMES.index(key)]


def with_cookie(cookie: bytes, owner: str = "www", *more: dns.edns.Option) -> bytes:
    return query(owner, options=[dns.edns.GenericOption(10, cookie), *more])


FULL = make_cookie(SECRETS[0], CLIENT, int(NOW), SOURCE)
COOKIES = {
    "client": CLIENT,
    "full": FULL,
    "old": make_cookie(SECRETS[0], CLIENT, int(NOW) - 3000, SOURCE),
    "leaving secret": make_cookie(SECRETS[1], CLIENT, int(NOW), SOURCE),
    "false": FULL[:-1] + b"x",
    "of another address": make_cookie(SECRETS[0], CLIENT, int(NOW), OTHER),
}


@pytest.mark.parametrize("owner", ["www", "missing", "a.example.net.", "."])
@pytest.mark.parametrize("cookie", COOKIES.values(), ids=COOKIES)
def test_a_remembered_cookie_is_answered_like_one_that_is_read(cookie: bytes, owner: str) -> None:
    wire = with_cookie(cookie, owner)
    remembering, reading = made(Memory(64)), made()
    for _ in range(4):
        assert respond(remembering, wire, SOURCE, UDP) == respond(reading, wire, SOURCE, UDP)
    assert counted(remembering, "cookies_good") == counted(reading, "cookies_good")
    assert counted(remembering, "cookies_learned") == 1
    assert counted(reading, "cookies_learned") == 0


@pytest.mark.parametrize(
    "wire",
    [
        with_cookie(CLIENT, "www", dns.edns.NSIDOption(b"")),
        with_cookie(CLIENT, "www", dns.edns.GenericOption(65001, bytes(12))),
        with_cookie(CLIENT, "www", dns.edns.GenericOption(11, bytes(12))),
        query("www", options=[dns.edns.GenericOption(65001, bytes(24))]),
        with_cookie(FULL)[:-33] + b"\1" + with_cookie(FULL)[-32:],  # version 1
        with_cookie(FULL)[:-1],
        with_cookie(FULL) + b"x",
    ],
    ids=["nsid", "unknown option", "keepalive", "no cookie", "version", "cut", "trailing"],
)
def test_odd_records_of_that_size_are_answered_alike_every_time(wire: bytes) -> None:
    remembering, reading = made(Memory(64)), made()
    for _ in range(3):
        assert respond(remembering, wire, SOURCE, UDP) == respond(reading, wire, SOURCE, UDP)


def test_an_answer_that_fails_open_keeps_cookie_and_error() -> None:
    dead = config(cookie_secrets=SECRETS)
    ctx = context(table(dead, states(dead, down=[*TOKYO.addresses, *OSAKA.addresses])))
    ctx.now, ctx.memory = NOW, Memory(64)
    for _ in range(2):
        kinds = [option.otype for option in ask(ctx, with_cookie(CLIENT)).options]
        assert sorted(kinds) == [10, 15]


def test_it_is_forgotten_after_a_minute() -> None:
    ctx = made(Memory(64))
    respond(ctx, with_cookie(CLIENT), SOURCE, UDP)
    ctx.now = NOW + MINUTE
    reply = ask(ctx, with_cookie(CLIENT))
    assert make_cookie(SECRETS[0], CLIENT, int(NOW + MINUTE), SOURCE) in reply.to_wire()
    assert counted(ctx, "cookies_learned") == 2


def test_other_secrets_other_addresses_and_tcp_are_no_match() -> None:
    ctx = made(Memory(64))
    respond(ctx, with_cookie(FULL), SOURCE, UDP)
    respond(ctx, with_cookie(FULL), OTHER, UDP)
    assert counted(ctx, "cookies_good") == 1
    respond(ctx, with_cookie(FULL), SOURCE, TCP)
    assert counted(ctx, "cookies_learned") == 2
    ctx.table = made(cookie_secrets=SECRETS[1:]).table
    respond(ctx, with_cookie(FULL), SOURCE, UDP)
    assert counted(ctx, "cookies_good") == 2  # by UDP and by TCP, and not with the other secrets


def test_without_secrets_nothing_is_learned() -> None:
    ctx = made(Memory(64), cookie_secrets=())
    assert ask(ctx, with_cookie(CLIENT)).options == ()
    assert counted(ctx, "cookies_learned") == 0
