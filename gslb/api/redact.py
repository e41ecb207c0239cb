"""No secret in a log: whatever looks like a token is blotted out of every line, tracebacks included."""

import logging
import re
from typing import Final

_SECRETS: Final = re.compile(
    r"(?P<known>\bgslb_(?:node|[0-9a-f]{8})_)[0-9a-f]{8,}"  # a token: its id may be shown
    r"|(?P<scheme>\b(?:bearer|basic)\s+)[^\s'\"\\,]+",  # what stands in any Authorization header
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text with a blot for each secret."""
    return _SECRETS.sub(lambda found: f"{found['known'] or found['scheme']}[redacted]", text)


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
