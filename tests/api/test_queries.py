"""What callers may ask for."""

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from gslb.api.queries import CancelQuery, EventsQuery, ExplainQuery, IntentsQuery, ReportsQuery
from gslb.dns.name import from_text
from gslb.intents import Target

NOW = 1_795_232_400.0


def faults(error: ValidationError) -> set[str]:
    return {str(fault["loc"][0]) for fault in error.errors()}


def test_a_query_to_explain() -> None:
    asked = {"name": "WWW.example.com", "type": "aaaa", "ecs": "203.0.113.0/24", "if": ["site/tokyo=down"]}
    query = ExplainQuery.model_validate(asked)
    question = query.question()
    assert (question.name, question.rtype) == (from_text("WWW.example.com."), 28)
    assert (question.client, question.ecs) == (bytes((127, 0, 0, 1)), ip_network("203.0.113.0/24"))
    assert [one.target for one in query.assumed()] == [Target("site", "tokyo")]
    assert query.moment() is None
    assert ExplainQuery.model_validate({"name": "@", "at": str(NOW)}).moment() == NOW
    assert ExplainQuery.model_validate({"name": "@", "client": "2001:db8::1"}).question().client[:2] == b"\x20\x01"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "name"),
        ({"name": "a..b"}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"name": "a", "type": "NONSENSE"}, "type"),
        ({"name": "a", "client": "203.0.113"}, "client"),
        ({"name": "a", "client": "::ffff:192.0.2.1"}, "client"),
        ({"name": "a", "ecs": "203.0.113.1/24"}, "ecs"),
        ({"name": "a", "if": ["tokyo"]}, "if"),
        ({"name": "a", "at": "tomorrow"}, "at"),
        ({"name": "a", "more": "1"}, "more"),
    ],
)
def test_what_cannot_be_explained(values: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ExplainQuery.model_validate(values)
    assert faults(caught.value) == {field}


@pytest.mark.parametrize("since", [f"{NOW:.0f}", "2026-11-21T03:40:00Z", "2026-11-21T12:40:00+09:00"])
def test_events_since_a_time(since: str) -> None:
    assert EventsQuery.model_validate({"since": since}).begin == NOW
    assert EventsQuery.model_validate({}).begin == 0.0


def test_reports() -> None:
    assert ReportsQuery.model_validate({}).by == "member"
    with pytest.raises(ValidationError) as caught:
        ReportsQuery.model_validate({"by": "country", "span": "1y"})
    assert faults(caught.value) == {"by", "span"}


def test_intents() -> None:
    assert not IntentsQuery.model_validate({}).all
    for bad in ({"all": "perhaps"}, {"target": "tokyo"}, {"limit": "0"}):
        with pytest.raises(ValidationError):
            IntentsQuery.model_validate(bad)
    assert CancelQuery.model_validate({"dry_run": "true", "reason": "done"}).dry_run
