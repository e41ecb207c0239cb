"""No secret in a log."""

import io
import logging

import pytest

from gslb.api.redact import Redacting, redacted, without_tokens
from gslb.api.tokens import new_secret

IDENTITY, SECRET = new_secret()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"got {SECRET}!", f"got gslb_{IDENTITY}_[redacted]!"),
        (f"b'Authorization: Bearer {SECRET}\\x00'", "b'Authorization: Bearer [redacted]\\x00'"),
        ("{'Authorization': 'bearer abc-._~+/=', 'A': 1}", "{'Authorization': 'bearer [redacted]', 'A': 1}"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
        (SECRET.upper(), f"GSLB_{IDENTITY.upper()}_[redacted]"),
        ("gslb_tls_expiry_days, gslb_node_info stay", "gslb_tls_expiry_days, gslb_node_info stay"),
        ("the bearer", "the bearer"),
    ],
    ids=["token", "header in octets", "other token", "login", "capitals", "names of metrics", "a word"],
)
def test_redacted(text: str, clean: str) -> None:
    assert redacted(text) == clean
    assert redacted(clean) == clean


def test_without_tokens() -> None:
    hint = "Authorization: Bearer TOKEN"
    assert without_tokens(f"{hint}, not {SECRET}") == f"{hint}, not gslb_{IDENTITY}_[redacted]"


def test_a_handler_writes_no_secret_of_messages_arguments_and_tracebacks() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(Redacting())
    log = logging.Logger("test")
    log.addHandler(handler)
    log.info("token %s of %s", SECRET, "somebody")
    log.info("100 %% plain %s", 1)
    log.info("100 % plain %s", SECRET)
    try:
        raise ValueError(f"Bearer {SECRET}")
    except ValueError:
        log.exception("it failed")
    text = out.getvalue()
    assert SECRET not in text
    assert f"token gslb_{IDENTITY}_[redacted] of somebody\n" in text
    assert "100 % plain 1\n" in text
    assert f"100 % plain %s ('gslb_{IDENTITY}_[redacted]',)\n" in text
    assert "ValueError: Bearer [redacted]" in text
