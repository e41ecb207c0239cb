"""Zonemaster judges the example zone, delegated from a private root in a network namespace of its own."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.resolver.world import PARENT, made

pytestmark = pytest.mark.e2e

RESERVED = "NAMESERVER_IP_PRIVATE_NETWORK"  # the example's name servers have documentation addresses


@pytest.mark.timeout(240)
def test_the_example_zone(need: Callable[[str], str], tmp_path: Path) -> None:
    zonemaster = need("zonemaster-cli")
    hints = tmp_path / "hints"
    hints.write_text(f". 3600 IN NS a.root-servers.net.\na.root-servers.net. 3600 IN A {PARENT}\n")
    with made(need, tmp_path) as world:
        world.serve()
        argv = world.inside(
            zonemaster, "--hints", str(hints), "--no-ipv6", "--json", "--level", "NOTICE", "example.com"
        )
        begun = time.monotonic()
        done = subprocess.run(argv, capture_output=True, text=True, timeout=200)
    found = messages(done.stdout)
    bad = [m for m in found if m["level"] in ("ERROR", "CRITICAL") and m["tag"] != RESERVED]
    print(f"\nzonemaster took {time.monotonic() - begun:.0f} s")
    for message in found:
        print(message["level"], message["tag"], message.get("args", ""))
    assert found, done.stderr
    assert not bad


def messages(text: str) -> list[dict[str, Any]]:
    """What zonemaster-cli --json printed: an array, or an object with one."""
    parsed = json.loads(text)
    return parsed if isinstance(parsed, list) else parsed["results"]
