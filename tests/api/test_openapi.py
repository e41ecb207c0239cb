"""The OpenAPI document as it is checked in."""

import json
import subprocess
import sys
from pathlib import Path

from gslb.api.openapi import text

CHECKED_IN = Path(__file__).parent.parent.parent / "docs" / "openapi.json"


def test_it_is_current() -> None:
    current = CHECKED_IN.read_text(encoding="utf-8") == text()
    assert current, "run: python -m gslb.api.openapi > docs/openapi.json"


def test_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "gslb.api.openapi"], capture_output=True, check=True)
    assert json.loads(done.stdout) == json.loads(text())
