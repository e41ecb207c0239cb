"""TLS handshakes with real servers whose certificates are good, wrong or old, and with servers that make none."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from gslb.probe.result import Result
from gslb.probe.tls import TlsMonitor, check
from gslb.probe.trace import traced
from tests.config.conftest import Folder

POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def ask(port: int, **options) -> Result:
    result = await check(TlsMonitor("web", port, **options), "127.0.0.1")
    assert result.ok == (not result.reason)
    assert len(result.detail) <= 80
    return result


async def secure(serve, tls: ssl.SSLContext, **options) -> Result:
    return await ask(await serve(silent, tls=tls), **options)


async def test_a_good_certificate(serve, authority) -> None:
    tls = authority.server("mail.example.com")
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    result = await secure(serve, tls, sni="mail.example.com", ca=str(authority.ca))
    assert (result.ok, result.detail) == (True, "")
    assert result.tls_days == pytest.approx(30, abs=0.1)
    assert names == ["mail.example.com"]


async def test_the_address_is_the_name_where_none_is_given(serve, authority) -> None:
    assert (await secure(serve, authority.server("127.0.0.1"), ca=str(authority.ca))).ok
    result = await secure(serve, authority.server("mail.example.com"), ca=str(authority.ca))
    assert result.reason == "tls"
    assert result.detail.startswith("IP address mismatch, certificate is not valid for '127.0.0.1'")


async def test_over_ipv6(serve, authority) -> None:
    try:
        port = await serve(silent, tls=authority.server("::1"), host="::1")
    except OSError:
        pytest.skip("no IPv6 loopback")
    assert (await check(TlsMonitor("web", port, ca=str(authority.ca)), "::1")).ok


async def test_a_certificate_for_another_name(serve, authority) -> None:
    result = await secure(serve, authority.server("b.example"), sni="a.example", ca=str(authority.ca))
    assert result.reason == "tls"
    assert result.detail.startswith("Hostname mismatch, certificate is not valid for 'a.example'")


async def test_an_expired_certificate(serve, authority) -> None:
    result = await secure(serve, authority.server("a.example", days=-1), sni="a.example", ca=str(authority.ca))
    assert (result.reason, result.detail) == ("tls", "certificate has expired")


async def test_a_self_signed_certificate(serve, authority) -> None:
    tls = authority.server("a.example", self_signed=True)
    result = await secure(serve, tls, sni="a.example", ca=str(authority.ca))
    assert result.reason == "tls"
    assert "self" in result.detail


async def test_the_system_store_is_the_default(serve, authority) -> None:
    result = await secure(serve, authority.server("a.example"), sni="a.example")
    assert (result.reason, result.detail) == ("tls", "unable to get local issuer certificate")


async def test_verify_can_be_turned_off(serve, authority) -> None:
    result = await secure(serve, authority.server("b.example", days=-1, self_signed=True), verify=False)
    assert (result.ok, result.tls_days) == (True, None)


@pytest.mark.parametrize(("days", "ok"), [(8, True), (7, False), (1, False)])
async def test_days_that_must_be_left(serve, authority, days: int, ok: bool) -> None:
    tls = authority.server("a.example", days=days)
    result = await secure(serve, tls, sni="a.example", ca=str(authority.ca), min_days=7)
    assert result.ok is ok
    assert result.tls_days == pytest.approx(days, abs=0.1)
    if not ok:
        told = f"{days - 0.1:.1f} days left to the certificate, expected at least 7"
        assert (result.reason, result.detail) == ("tls", told)


async def test_a_server_that_offers_another_protocol_alone(serve, authority) -> None:
    tls = authority.server("127.0.0.1")
    tls.set_alpn_protocols(["imap"])
    assert (await secure(serve, tls, ca=str(authority.ca))).ok


async def test_no_version_in_common(serve) -> None:
    async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(bytes((21, 3, 3, 0, 2, 2, 70)))  # RFC 8446 section 6: fatal, protocol_version

    result = await ask(await serve(alert))
    assert (result.reason, result.detail) == ("tls", "tlsv1 alert protocol version")


async def test_a_plain_server_that_speaks_first(serve) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await reader.read()

    result = await ask(await serve(greet))
    assert (result.reason, result.detail) == ("tls", "the answer is not TLS")


async def test_a_plain_server_that_answers(serve) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    result = await ask(await serve(refuse))
    assert (result.reason, result.detail) == ("tls", "the answer is not TLS")


async def test_a_server_that_closes(serve) -> None:
    async def close(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(10_000)

    result = await ask(await serve(close))
    assert (result.reason, result.detail) == ("reset", "connection closed in the TLS handshake")


async def test_a_tarpit_ends_at_the_deadline(serve) -> None:
    async def stuck(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    result = await ask(await serve(stuck), timeout=0.2)
    told = "connected, waiting for the TLS handshake, within 0.2 s"
    assert (result.reason, result.detail) == ("timeout", told)
    assert 0.19 < result.latency < 0.6


async def test_no_connection_is_told_apart_from_no_handshake(full_port: int) -> None:
    result = await ask(full_port, timeout=0.2)
    assert (result.reason, result.detail) == ("timeout", "connecting, within 0.2 s")


async def test_refused() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert (await ask(closed.getsockname()[1])).reason == "refused"


async def test_a_ca_file_that_cannot_be_used(serve, authority, tmp_path: Path) -> None:
    result = await secure(serve, authority.server("a.example"), ca=str(tmp_path / "none.pem"))
    assert (result.reason, result.detail) == ("tls", "cannot use the ca file: No such file or directory")


async def test_the_stages_are_told(serve, authority) -> None:
    port = await serve(silent, tls=authority.server("127.0.0.1"))
    _, stages = await traced(check, TlsMonitor("web", port, ca=str(authority.ca)), "127.0.0.1")
    told = {stage.name: stage.text for stage in stages}
    assert list(told) == ["connected", "tls", "certificate"]
    assert told["connected"] == f"127.0.0.1 port {port}"
    assert told["tls"].startswith("TLSv1.3, ")
    assert told["certificate"] == "29.9 days left, for 127.0.0.1" or told["certificate"].startswith("30.0 days left")


async def test_no_descriptor_is_left(serve, authority) -> None:
    async def stuck(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    good, bad = await serve(silent, tls=authority.server("127.0.0.1")), await serve(stuck)
    await ask(good, ca=str(authority.ca))  # whatever the first probe opens for good
    await asyncio.sleep(0.05)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for port, options in ((good, {"ca": str(authority.ca)}), (good, {}), (bad, {"timeout": 0.05})):
        await ask(port, **options)
    await asyncio.sleep(0.05)
    theirs = 1  # the end of the connection that the server itself keeps
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + theirs


def test_defaults(tmp_path: Path) -> None:
    config = Folder(tmp_path).load(monitors="web: {type: tls}", pools=POOL)
    assert config.monitors["web"] == TlsMonitor(name="web", port=443)


def test_every_key(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("zones/ca.pem", "certificate")
    text = "web: {type: tls, port: 993, sni: mail.example.com, ca: ca.pem, min_days: 7}"
    ca = str(folder.path / "zones" / "ca.pem")
    expected = TlsMonitor(name="web", port=993, sni="mail.example.com", ca=ca, min_days=7)
    assert folder.load(monitors=text, pools=POOL).monitors["web"] == expected


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            "sni: 'a.example:443'",
            "monitors.web.sni: must be a host name or an address, without a port (got 'a.example:443')",
        ),
        ("sni: a..example", "monitors.web.sni: must be a host name or an address, without a port (got 'a..example')"),
        ("min_days: 0", "monitors.web.min_days: must be at least 1 (got 0)"),
        ("min_days: 30d", "monitors.web.min_days: must be a whole number (got '30d')"),
        ("port: 0", "monitors.web.port: must be at least 1 (got 0)"),
        ("ca: gone.pem", "monitors.web.ca: "),
        (
            "{verify: false, min_days: 7}",
            "monitors.web.min_days: is not used with verify: false (leave one of them out)",
        ),
        ("host: a.example", "monitors.web.host: "),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, keys: str, problem: str) -> None:
    text = f"web: {{type: tls, {keys.strip('{}')}}}"
    (found,) = Folder(tmp_path).messages(monitors=text, pools=POOL)
    assert found.startswith(problem)
