"""Certificates that run out, on a running node and as text."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from gslb.api.expiry import expiry_lines, expiry_view
from gslb.health.states import TargetKey
from gslb.probe.tls import TlsMonitor
from tests.probe.conftest import Authority
from tests.whole_node import Node


def test_few_days_are_a_warning() -> None:
    monitor = TlsMonitor("web", 443, warn_days=7)
    assert expiry_view(monitor, 7.5) == {"tls_days": 7.5, "tls_warning": False}
    assert expiry_view(monitor, 6.5) == {"tls_days": 6.5, "tls_warning": True}
    assert expiry_view(monitor, None) == {"tls_days": None, "tls_warning": False}


def test_lines() -> None:
    assert expiry_lines({TargetKey("web", "2001:db8::1"): -1.25}).splitlines()[2:] == [
        'gslb_tls_expiry_days{monitor="web",address="2001:db8::1"} -1.250'
    ]


async def test_a_certificate_that_runs_out_takes_nothing_out_and_is_told(
    stopped_node: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node, days = stopped_node, {"tokyo": 10, "osaka": 40}
    (tmp_path / "ca").mkdir()
    authority = Authority(tmp_path / "ca")
    for name, site in node.sites.items():
        await site.break_()
        await site.mend(authority.server("www.example", days[name]))
    keys = f"{{type: tls, sni: www.example, ca: {authority.ca}, timeout: 1s, interval: 1s, port:"
    lines = [f"  web: {keys} {node.site_port}}}" if "type: tcp" in at else at for at in node.zones.splitlines()]
    node.write_zones("\n".join(lines))
    await node.start()
    await node.until_served("tokyo", "osaka")

    _, view = await node.call("GET", "/api/v1/status")
    tokyo, osaka = (member["addresses"][0]["monitors"][0] for member in view["pools"][0]["members"])
    assert (tokyo["verdict"], tokyo["tls_warning"], osaka["tls_warning"]) == ("up", True, False)
    assert (tokyo["tls_days"], osaka["tls_days"]) == (pytest.approx(10, abs=0.1), pytest.approx(40, abs=0.1))
    async with aiohttp.ClientSession() as session, session.get(f"{node.api}/metrics") as response:
        page = await response.text()
    (line,) = [
        line
        for line in page.splitlines()
        if line.startswith('gslb_tls_expiry_days{monitor="web",address="127.0.0.11"}')
    ]
    assert float(line.split()[1]) == pytest.approx(10, abs=0.1)
    await asyncio.sleep(1.2)  # another round
    told = [record.getMessage() for record in caplog.records if "expires" in record.getMessage()]
    assert told == ["monitor web: the certificate of 127.0.0.11 expires in 10.0 days"]
