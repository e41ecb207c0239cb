"""Handlers: what happened, what was done, and what it adds up to."""

from dataclasses import fields

from gslb.api.call import Call, Json, Reply
from gslb.api.paging import cursor_at, page, read_number
from gslb.api.queries import AuditQuery, EventsQuery, ReportsQuery
from gslb.api.reports import chosen_rows, event_view, report_view
from gslb.errors import InvalidError, RequestError
from gslb.store.audit import Record
from gslb.store.auditpages import AuditWanted
from gslb.store.historyfile import Wanted


async def events(call: Call[EventsQuery, None]) -> Reply:
    """Changes of health, newest first."""
    query = call.query
    wanted = wanted_events(query)
    if query.cursor is not None:
        wanted = wanted._replace(below=read_number("events", query.cursor))
    found = await call.node.recorder.events(wanted._replace(limit=query.limit + 1))
    shown = found[: query.limit]
    after = cursor_at("events", (shown[-1].number,)) if len(found) > len(shown) else None
    return Reply({"events": [event_view(event) for event in shown], "next": after})


def wanted_events(query: EventsQuery) -> Wanted:
    """What the history is asked, whatever the page."""
    return Wanted(query.begin, query.pool, query.member, query.site)


async def audit(call: Call[AuditQuery, None]) -> Reply:
    """What was done, newest first."""
    query = call.query
    wanted = AuditWanted(query.limit, query.node, query.action, query.target, query.subject, query.cursor or "")
    try:
        found = await call.node.store.audit(wanted)
    except RequestError as error:
        raise InvalidError(error.message, pointer=error.pointer, hint=error.hint) from error
    return Reply({"records": [_told(record) for record in found.records], "next": found.cursor or None})


async def reports(call: Call[ReportsQuery, None]) -> Reply:
    """How available members, pools or sites were."""
    query = call.query
    at, rows = await call.node.recorder.report(call.now)
    names = {"pool": query.pool, "member": query.member, "site": query.site}
    found = chosen_rows(rows, query.by, query.span, names)
    kind = f"reports-{query.by}-{query.span}"
    numbered = enumerate(found)  # in the order of the configuration, as far as the history knows it
    shown, after = page(numbered, lambda one: (one[0],), kind, query.limit, query.cursor)
    return Reply(lambda: report_view(at, [row for _, row in shown], query.by, query.span, after), long="rows")


def _told(record: Record) -> Json:
    return {field.name: getattr(record, field.name) for field in fields(record)}
