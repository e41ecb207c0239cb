"""`python -m gslb.api.openapi > docs/openapi.json`: the OpenAPI document as it is checked in."""

import json
import sys

from gslb.api.routes import ROUTES
from gslb.api.spec import document


def text() -> str:
    """The document of the API, as a file has it."""
    return json.dumps(document(ROUTES), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
