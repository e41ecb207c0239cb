"""What the processes of a node write to standard error: one line for each event, as text or as JSON.

    2026-03-01T09:15:02.114Z warning gslb.supervisor[4711]: worker 4713 ended while serving (signal 9)
    {"time": "2026-03-01T09:15:02.114Z", "level": "warning", "logger": "gslb.supervisor", "pid": 4711, "message": ...}

Control characters are written as escapes, so that nobody who is quoted in a line can begin another. The supervisor
hands the settings to the processes that it starts by way of the environment.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from gslb.config.settings import LogSettings
from gslb.context import TCP, Context
from gslb.dns.message import HEADER
from gslb.dns.name import to_text
from gslb.policy.columns import COLUMN, TYPES
from gslb.server.tap import Respond

log = logging.getLogger("gslb.query")

VARIABLE: Final = "GSLB_LOG"
MOST: Final = 20  # lines a second about queries, of each worker
_NO_REQUEST: Final = str  # called, it gives an empty name
_RCODES: Final = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
_TYPE_NAMES: Final = {number: TYPES[column] for number, column in COLUMN.items()}
_CONTROL: Final = {
    at: f"\\x{at:02x}" if at < 256 else f"\\u{at:04x}" for at in (*range(32), *range(127, 160), 0x2028, 0x2029)
}
_ESCAPES: Final = str.maketrans({**_CONTROL, ord("\\"): "\\\\"})


def configure(
    settings: LogSettings, *, request: Callable[[], str] = _NO_REQUEST, filters: Iterable[logging.Filter] = ()
) -> None:
    """Write the log of this process so. `request` names the request under way; `filters` see every record.

    Where somebody else writes it already, only the level is set.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Json(request) if settings.format == "json" else Console(request))
    for one in filters:
        handler.addFilter(one)
    logging.basicConfig(handlers=[handler])
    logging.getLogger().setLevel(settings.level.upper())


def handed_on(settings: LogSettings) -> str:
    """The settings for VARIABLE in the environment."""
    return f"{settings.format} {settings.level} {settings.queries}"


def inherited() -> LogSettings:
    """Those that the environment holds; the usual ones where it holds none that can be read."""
    match os.environ.get(VARIABLE, "").split():
        case [("console" | "json") as style, ("debug" | "info" | "warning" | "error") as level, queries] if (
            queries.isdecimal()
        ):
            return LogSettings(style, level, int(queries))
    return LogSettings()


class _Line(logging.Formatter):
    """What both forms have in common."""

    def __init__(self, request: Callable[[], str] = _NO_REQUEST) -> None:
        super().__init__()
        self._request = request

    def told(self, record: logging.LogRecord) -> dict[str, Any]:
        """The event, most important things first; of optional ones those that there are."""
        seconds, millis = int(record.created), int(record.created % 1 * 1000)
        event: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{millis:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if request := self._request():
            event["request"] = request
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            event["error"] = record.exc_text
        return event


class Json(_Line):
    """One object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. ASCII alone: what is beyond it, line separators too, is escaped."""
        return json.dumps({**self.told(record), **getattr(record, "fields", {})}, default=str)


class Console(_Line):
    """For people, and for journals that add nothing of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; that of an exception holds its traceback, with \\x0a between the lines of it."""
        event = self.told(record)
        place = "{time} {level} {logger}[{pid}]".format_map(event)
        request = f" (request {event['request']})" if "request" in event else ""
        error = f": {event['error']}" if "error" in event else ""
        return f"{place}: {event['message']}{request}{error}".translate(_ESCAPES)


def sampled(respond: Respond, every: int, clock: Callable[[], float] = time.monotonic) -> Respond:
    """`respond`, with a line in the log for the first query and each `every`-th after it; at most MOST in a second."""
    left, second, told = 1, 0, 0

    def answer(ctx: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
        nonlocal left, second, told
        reply = respond(ctx, wire, source, transport)
        left -= 1
        if left:
            return reply
        left = every
        now = int(clock())
        if now != second:
            second, told = now, 0
        told += 1
        if told <= MOST and reply is not None:
            _tell(ctx, source, transport, reply)
        return reply

    return answer


def sampling(settings: LogSettings) -> Callable[[Respond], Respond]:
    """What a worker wraps its `respond` in."""
    return partial(sampled, every=settings.queries) if settings.queries else _as_it_is


def _as_it_is(respond: Respond) -> Respond:
    return respond


def _tell(ctx: Context, source: bytes, transport: int, reply: bytes) -> None:
    query = ctx.query
    if not query.qname:
        return
    fields = {
        "name": to_text(query.qname),
        "type": _TYPE_NAMES.get(query.qtype, f"TYPE{query.qtype}"),
        "client": str(ip_address(source)),
        "transport": "tcp" if transport == TCP else "udp",
        "rcode": _RCODES[reply[3] & 15] if reply[3] & 15 < len(_RCODES) else str(reply[3] & 15),
        "answers": int.from_bytes(reply[6:8]) if len(reply) >= HEADER else 0,
    }
    told = "{name} {type} from {client} by {transport}: {rcode}, {answers} records".format_map(fields)
    log.info("%s", told, extra={"fields": fields})
