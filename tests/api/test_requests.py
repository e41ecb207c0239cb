"""What callers may send, and what they are told."""

import json
from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from gslb.api.requests import (
    DEFAULT,
    LONGEST,
    DrainRequest,
    DrainsQuery,
    EventsQuery,
    ExplainQuery,
    PushRequest,
    ReportsQuery,
    push_key,
)
from gslb.dns.name import from_text
from gslb.errors import NotFoundError
from gslb.health.states import TargetKey
from gslb.probe.push import Push
from gslb.store.historyfile import Wanted

NOW = 1_795_232_400.0  # 2026-11-21T04:00:00Z
GOOD = {"target": "site/tokyo", "reason": "CHG-1042"}


def drain(**values: Any) -> DrainRequest:
    return DrainRequest.model_validate_json(json.dumps({**GOOD, **values}), context={"now": NOW})


def faults(error: ValidationError) -> set[str]:
    return {".".join(map(str, fault["loc"])) for fault in error.errors()}


def test_the_least_that_is_needed() -> None:
    request = drain()
    assert (str(request.target), request.reason, request.owner) == ("site/tokyo", "CHG-1042", "")
    assert request.wish(NOW).expires == NOW + DEFAULT


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({"for": "10m"}, 600),
        ({"for": "72h"}, LONGEST),
        ({"for": "500ms"}, 0.5),
        ({"expires": NOW + 60}, 60),
        ({"expires": "2026-11-21T04:10:00Z"}, 600),
        ({"expires": "2026-11-21T13:10:00+09:00"}, 600),
        ({"for": None, "expires": None}, DEFAULT),
    ],
)
def test_how_long(values: dict[str, Any], seconds: float) -> None:
    assert drain(**values).wish(NOW).expires == pytest.approx(NOW + seconds)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"for": "73h"}, "for"),
        ({"for": "0s"}, "for"),
        ({"for": "10"}, "for"),
        ({"for": 600}, "for"),
        ({"for": "1:30"}, "for"),
        ({"expires": NOW}, "expires"),
        ({"expires": NOW - 1}, "expires"),
        ({"expires": NOW + LONGEST + 1}, "expires"),
        ({"expires": "2026-11-21T04:10:00"}, "expires"),
        ({"expires": "tomorrow"}, "expires"),
        ({"expires": float("nan")}, "expires"),
        ({"expires": float("inf")}, "expires"),
        ({"for": "1h", "expires": NOW + 60}, ""),
        ({"reason": ""}, "reason"),
        ({"reason": "   "}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": "\x1b[2Jgone"}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": 7}, "reason"),
        ({"reason": None}, "reason"),
        ({"owner": "x" * 101}, "owner"),
        ({"target": "tokyo"}, "target"),
        ({"target": ["site/tokyo"]}, "target"),
        ({"percent": 50}, "percent"),
    ],
)
def test_what_is_wrong_is_told_by_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        drain(**values)
    assert faults(caught.value) == {field}


def test_every_fault_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        DrainRequest.model_validate_json('{"target": "x", "for": "y", "extra": 1}', context={"now": NOW})
    assert faults(caught.value) == {"target", "reason", "for", "extra"}


def test_text_is_stripped_and_kept_as_it_is() -> None:
    assert drain(reason="  東京 down ", owner=" me ").reason == "東京 down"


def test_a_query_to_explain() -> None:
    question = ExplainQuery.model_validate(
        {"name": "WWW.example.com", "type": "aaaa", "ecs": "203.0.113.0/24"}
    ).question()
    assert question.name == from_text("WWW.example.com.")
    assert question.rtype == 28
    assert question.client == bytes((127, 0, 0, 1))
    assert question.ecs == ip_network("203.0.113.0/24")
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
        ({"name": "a", "more": "1"}, "more"),
    ],
)
def test_what_cannot_be_explained(values: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ExplainQuery.model_validate(values)
    assert faults(caught.value) == {field}


def test_listing_all() -> None:
    assert not DrainsQuery.model_validate({}).all
    assert DrainsQuery.model_validate({"all": "true"}).all
    with pytest.raises(ValidationError):
        DrainsQuery.model_validate({"all": "perhaps"})


def test_events_unless_told_otherwise_are_the_newest_hundred() -> None:
    assert EventsQuery.model_validate({}).wanted() == Wanted(0.0, "", "", "", 100)


@pytest.mark.parametrize("since", [f"{NOW:.0f}", "2026-11-21T03:40:00Z", "2026-11-21T12:40:00+09:00"])
def test_events_since_a_time_at_a_place(since: str) -> None:
    query = {"since": since, "pool": "web", "member": "m", "site": "tokyo", "limit": "7"}
    assert EventsQuery.model_validate(query).wanted() == Wanted(NOW, "web", "m", "tokyo", 7)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "1001"}, {"since": "2026-11-21T04:00:00"}, {"x": "1"}])
def test_events_that_cannot_be_had(query: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        EventsQuery.model_validate(query)


def test_reports() -> None:
    assert ReportsQuery.model_validate({}) == ReportsQuery(by="member", span="24h")
    with pytest.raises(ValidationError) as caught:
        ReportsQuery.model_validate({"by": "country", "span": "1y"})
    assert faults(caught.value) == {"by", "span"}


def test_a_push() -> None:
    assert PushRequest.model_validate_json('{"up": true}').push() == Push(True)
    whole = '{"up": false, "load": 1, "detail": " why ", "for": "15s"}'
    assert PushRequest.model_validate_json(whole).push() == Push(False, 1.0, "why", 15.0)


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"up": 1}',
        '{"up": null}',
        '{"up": true, "load": -0.1}',
        '{"up": true, "load": NaN}',
        '{"up": true, "load": Infinity}',
        '{"up": true, "load": "1"}',
        '{"up": true, "detail": "a\\nb"}',
        '{"up": true, "for": "0s"}',
        '{"up": true, "for": 15}',
        '{"up": true, "state": 1}',
    ],
)
def test_what_is_no_push(body: str) -> None:
    with pytest.raises(ValidationError):
        PushRequest.model_validate_json(body)


def test_a_long_detail_is_refused() -> None:
    with pytest.raises(ValidationError):
        PushRequest(up=True, detail="x" * 201)


def test_the_target_of_a_push() -> None:
    assert push_key("web", "2001:DB8:0::1") == TargetKey("web", "2001:db8::1")
    with pytest.raises(NotFoundError, match="must be an IPv4 or IPv6 address"):
        push_key("web", "localhost")
