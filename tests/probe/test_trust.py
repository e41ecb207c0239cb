"""Whom a probe by TLS trusts."""

import ssl
import time
from pathlib import Path

import pytest

from gslb.probe.result import ProbeError
from gslb.probe.trust import days_left, require_days, tls_context
from tests.config.conftest import Folder
from tests.config.conftest import folder as folder


def test_a_context_is_made_once_and_verifies() -> None:
    context = tls_context(None, verify=True)
    assert context is tls_context(None, verify=True)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_without_verify_nothing_is_checked() -> None:
    context = tls_context(None, verify=False)
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_authorities_that_cannot_be_read_fail_the_probe(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text:
        file.write_text(text)
    with pytest.raises(ProbeError, match="cannot use the ca file") as caught:
        tls_context(str(file), verify=True)
    assert caught.value.reason == "tls"


POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"


@pytest.mark.parametrize("keys", ["http, scheme: https", "tls", "postgres, tls: verify", "zabbix-web, scheme: https"])
def test_every_monitor_that_checks_certificates_warns_of_their_end(folder: Folder, keys: str) -> None:
    def days(more: str) -> int:
        return folder.load(monitors=f"web: {{type: {keys}{more}}}", pools=POOL).monitors["web"].warn_days

    assert (days(""), days(", warn_days: 30"), days(", warn_days: 0")) == (14, 30, 0)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("tls, verify: false, warn_days: 7", "is not used with verify: false"),
        ("http, warn_days: 7", "is for https alone"),
        ("tls, warn_days: -1", "must be at least 0 (got -1)"),
        ("tcp, port: 22, warn_days: 7", "is not a known key"),
    ],
)
def test_days_that_warn_of_nothing(folder: Folder, keys: str, fault: str) -> None:
    (found,) = folder.messages(monitors=f"web: {{type: {keys}}}", pools=POOL)
    assert found.startswith(f"monitors.web.warn_days: {fault}")


@pytest.mark.parametrize(
    ("days", "warned"), [("min_days: 14", True), ("min_days: 7", False), ("min_days: 20, warn_days: 0", False)]
)
def test_a_warning_that_comes_after_the_failure(folder: Folder, days: str, warned: bool) -> None:
    found = folder.warnings(monitors=f"web: {{type: tls, {days}}}", pools=POOL)
    assert ("monitors.web.min_days: fails before anything warns" in "".join(found)) is warned


def test_days_left() -> None:
    shown = time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime(time.time() + 10 * 86400))
    assert days_left({"notAfter": shown}) == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize(("days", "least"), [(7.0, 7), (6.9, None), (None, 7)])
def test_days_that_are_enough(days: float | None, least: int | None) -> None:
    require_days(days, least)


@pytest.mark.parametrize(("days", "told"), [(6.999, "6.9"), (0.04, "0.0"), (-0.5, "-0.5")])
def test_too_few_days_are_not_rounded_up(days: float, told: str) -> None:
    with pytest.raises(ProbeError, match=f"^{told} days left to the certificate, expected at least 7$") as caught:
        require_days(days, 7)
    assert caught.value.reason == "tls"


def test_contexts_of_two_protocols_are_apart() -> None:
    assert tls_context(None, verify=True, alpn="http/1.1") is not tls_context(None, verify=True)
