"""Replies are tested through respond(), in tests/test_responder.py; here: what the bytes themselves promise."""

from gslb.context import UDP
from gslb.responder import respond
from tests.support import SOURCE, config, context, query, table


def test_amplification_is_small() -> None:
    ctx = context(table(config()))
    for payload in (None, 1232):
        plain, missing = query("www", payload=payload), query("missing", payload=payload)
        assert len(respond(ctx, plain, SOURCE, UDP) or b"") <= 2 * len(plain)
        assert len(respond(ctx, missing, SOURCE, UDP) or b"") <= 3 * len(missing)
