"""C48-C51: cookies."""

import time

import pytest

from tests.wire.content import SECRETS
from tests.wire.exchange import Channel, Server
from tests.wire.message import COOKIE, Reply, opt, option, query, require, with_options
from tests.wire.siphash import cookie, siphash24

CLIENT = b"wiretest"
BEHIND, AHEAD = 3600, 300  # how far a server cookie's time may be off
RENEW = 1800


def ask(channel: Channel, sent: bytes, label: str) -> tuple[Reply, bytes]:
    """The reply to a query with this cookie, and the one that came back."""
    reply = channel.ask(with_options("www", (COOKIE, sent)), label)
    reply.expect("NOERROR", "qr aa", "1/1/0/1", ((COOKIE, ...),))
    return reply, reply.option(COOKIE)


def good(sent: bytes, got: bytes, channel: Channel) -> str:
    """What is wrong with a server cookie that was just made, if anything."""
    if len(got) != 24 or got[:8] != sent[:8]:
        return f"{len(got)} octets"
    if got[8:12] != b"\1\0\0\0":
        return f"version and reserved {got[8:12].hex()}"
    when = int.from_bytes(got[12:16], "big")
    if abs(when - time.time()) > 2:
        return "another time"
    return "" if got == cookie(SECRETS[0], sent[:8], when, channel.source) else "another hash"


def test_siphash_as_published() -> None:
    """The vector of the SipHash paper, appendix A."""
    assert siphash24(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5.to_bytes(8, "little")


def test_c48_server_cookie(channel: Channel) -> None:
    """RFC 7873, 9018: client cookie of 8 bytes → NOERROR + 24-byte cookie: version 1, time, SipHash; no round trip"""
    _, got = ask(channel, CLIENT, "client cookie")
    wrong = good(CLIENT, got, channel)
    require(not wrong, f"client cookie: {wrong}")
    _, again = ask(channel, got, "full cookie")
    require(again == got, "full cookie: another came back")


def test_c48_the_next_secret(channel: Channel) -> None:
    """secrets current + next"""
    now = int(time.time())
    reply, got = ask(channel, cookie(SECRETS[1], CLIENT, now, channel.source), "signed with the next secret")
    require(not good(CLIENT, got, channel), f"{reply.label}: {good(CLIENT, got, channel)}")


def test_c49_cookie_lengths(channel: Channel) -> None:
    """RFC 7873 §5.2.2: cookie length 0-7, 9-15, >40 → FORMERR"""
    for length in (*range(8), *range(9, 16), 41, 100):
        reply = channel.ask(with_options("www", (COOKIE, b"c" * length)), f"{length} octets")
        reply.expect("FORMERR", "qr", "1/0/0/1", (), free="counts flags options")
    for length in (16, 24, 40):
        reply = channel.ask(with_options("www", (COOKIE, CLIENT + b"c" * (length - 8))), f"{length} octets")
        require(
            reply.rcode == "NOERROR" or (reply.rcode == "BADCOOKIE" and not reply.ours), f"{length} octets: {reply}"
        )


def test_c50_cookies_that_do_not_count(channel: Channel) -> None:
    """RFC 9018 §4.3: server cookie wrong, >1 h old, >5 min ahead → as client-only; renewed when >30 min old"""
    now = int(time.time())
    source = channel.source
    elsewhere = bytes(len(source) - 1) + b"\x09"
    bad = {
        "wrong hash": cookie(SECRETS[0], CLIENT, now, source)[:-1] + b"?",
        "unknown secret": cookie(bytes(16), CLIENT, now, source),
        "another address": cookie(SECRETS[0], CLIENT, now, elsewhere),
        "version 2": cookie(SECRETS[0], CLIENT, now, source, version=2),
        "over an hour old": cookie(SECRETS[0], CLIENT, now - BEHIND - 5, source),
        "over 5 minutes ahead": cookie(SECRETS[0], CLIENT, now + AHEAD + 5, source),
        "over 30 minutes old": cookie(SECRETS[0], CLIENT, now - RENEW - 5, source),
    }
    for label, sent in bad.items():
        _, got = ask(channel, sent, label)
        wrong = good(CLIENT, got, channel)
        require(not wrong, f"{label}: {wrong}")
    for label, when in (("29 minutes old", now - RENEW + 60), ("4 minutes ahead", now + AHEAD - 60)):
        sent = cookie(SECRETS[0], CLIENT, when, source)
        require(ask(channel, sent, label)[1] == sent, f"{label}: another came back")


@pytest.mark.ours
@pytest.mark.parametrize("family", ["4", "6"])
def test_c50_badcookie_under_rate_limit(limited: Server, family: str) -> None:
    """BADCOOKIE under rate limit; never on TCP"""
    now = int(time.time())
    udp, tcp = Channel(limited, f"udp{family}"), Channel(limited, f"tcp{family}")
    udp.ask(query("www"), "the one that is free").expect("NOERROR", "qr aa", "1/1/0/0")
    udp.ask(query("www"), "limited").expect("NOERROR", "qr tc", "1/0/0/0")
    old = cookie(SECRETS[0], CLIENT, now - BEHIND - 5, udp.source)
    for sent in (CLIENT, old):
        reply = udp.ask(with_options("www", (COOKIE, sent)), "limited, no good cookie")
        reply.expect("BADCOOKIE", "qr", "1/0/0/1", ((COOKIE, ...),))
        assert not good(CLIENT, reply.option(COOKIE), udp)
        ask(tcp, sent, "TCP")
    ask(udp, reply.option(COOKIE), "the cookie that BADCOOKIE brought")
    tcp.close()


def test_c51_two_cookies(channel: Channel) -> None:
    """RFC 7873: two COOKIE options → the first"""
    both = opt(option(COOKIE, CLIENT) + option(COOKIE, b"secondco"))
    reply = channel.ask(query("www", edns=both), "two of 8 octets").expect(
        "NOERROR", "qr aa", "1/1/0/1", ((COOKIE, ...),)
    )
    require(reply.option(COOKIE)[:8] == CLIENT, "the second was taken")
    short = opt(option(COOKIE, CLIENT) + option(COOKIE, b"short"))
    reply = channel.ask(query("www", edns=short), "the second malformed")
    reply.expect("NOERROR", "qr aa", "1/1/0/1", ((COOKIE, ...),))
