"""No secret in a log or an error, none in the record: what looks like a token is blotted out, or refused."""

import logging
import re
from typing import Final

_OURS: Final = r"(?P<known>\bgslb_(?:node|[0-9a-f]{8})_)[0-9a-f]{8,}"  # the id of a token may be shown
_TOKENS: Final = re.compile(_OURS, re.IGNORECASE)
_SECRETS: Final = re.compile(
    _OURS + r"|(?P<scheme>\b(?:bearer|basic)\s+)[^\s'\"\\,]+",  # what stands in any Authorization header
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text with a blot for each secret."""
    return _SECRETS.sub(lambda found: f"{found['known'] or found['scheme']}[redacted]", text)


def without_tokens(text: str) -> str:
    """The text with a blot for each token; what else may be a secret stays."""
    return _TOKENS.sub(lambda found: f"{found['known']}[redacted]", text)


class Redacting(logging.Filter):
    """For a handler: it then writes no secret, whoever logged it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact in place; every record passes."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit: logging would print them as they are
            message, record.args = f"{record.msg} {record.args}", ()
            record.msg = message
        clean = redacted(message)
        if clean != message:
            record.msg, record.args = clean, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True
