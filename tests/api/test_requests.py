"""What callers may send, and what they are told."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from gslb.api.fields import LONGEST
from gslb.api.requests import (
    DEFAULT,
    ChangeRequest,
    DrainRequest,
    ForceRequest,
    HoldRequest,
    PlanRequest,
    PushRequest,
    ReloadRequest,
    WithdrawRequest,
    push_key,
)
from gslb.errors import InvalidError, NotFoundError
from gslb.health.states import TargetKey
from gslb.intents import Drain, Target
from gslb.probe.push import Push

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
        ({"colour": "red"}, "colour"),
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


def test_a_drain_that_begins_later_for_some() -> None:
    wish = drain(starts=NOW + 3600, **{"for": "1h"}, percent=30, local=True, force=True).wish(NOW)
    assert (wish.kind, wish.starts, wish.expires, wish.percent) == ("drain", NOW + 3600, NOW + 7200, 30)
    assert (wish.local, wish.override) == (True, True)
    assert drain(starts=NOW + 86_400, expires=NOW + 86_400 + LONGEST).wish(NOW).expires == NOW + 86_400 + LONGEST


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"starts": NOW - 1}, "starts"),
        ({"starts": NOW + 31 * 86_400}, "starts"),
        ({"starts": NOW + 60, "expires": NOW + 30}, "expires"),
        ({"percent": 0}, "percent"),
        ({"percent": 101}, "percent"),
        ({"percent": "50"}, "percent"),
    ],
)
def test_what_cannot_begin(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        drain(**values)
    assert faults(caught.value) == {field}


def test_holds_and_forces() -> None:
    hold = HoldRequest.model_validate_json(json.dumps({**GOOD, "for": "1h"}), context={"now": NOW}).wish(NOW)
    assert (hold.kind, hold.expires) == ("hold", NOW + 3600)
    with pytest.raises(ValidationError, match="nothing is frozen for ever"):
        HoldRequest.model_validate_json(json.dumps(GOOD), context={"now": NOW})
    force = ForceRequest.model_validate_json(json.dumps({**GOOD, "up": True}), context={"now": NOW}).wish(NOW)
    assert (force.kind, force.expires, force.up) == ("force", None, True)
    with pytest.raises(ValidationError):
        ForceRequest.model_validate_json(json.dumps(GOOD), context={"now": NOW})


DRAINED = Drain("d-1", Target("site", "tokyo"), "r", "o", NOW, NOW + 600)


@pytest.mark.parametrize(
    ("body", "expires"),
    [
        ({"extend": "1h"}, NOW + 4200),
        ({"for": "1h"}, NOW + 3600),
        ({"expires": NOW + 60}, NOW + 60),
        ({"reason": "other"}, None),
    ],
)
def test_a_change(body: dict[str, Any], expires: float | None) -> None:
    change = ChangeRequest.model_validate_json(json.dumps(body)).change(DRAINED, NOW)
    assert (change.expires, change.reason) == (expires, body.get("reason"))


def test_a_change_that_lasts_too_long() -> None:
    for body, pointer in (({"extend": "72h"}, "/extend"), ({"expires": NOW + LONGEST + 1}, "/expires")):
        with pytest.raises(InvalidError) as caught:
            ChangeRequest.model_validate_json(json.dumps(body)).change(DRAINED, NOW)
        assert caught.value.pointer == pointer


def test_bodies_for_a_node() -> None:
    assert ReloadRequest.model_validate_json('{"confirm": "5m", "digest": "6f1c"}').confirm == 300.0
    for bad in ('{"confirm": "25h"}', '{"confirm": "0s"}', '{"digest": "x"}'):
        with pytest.raises(ValidationError):
            ReloadRequest.model_validate_json(bad)
    with pytest.raises(ValidationError):
        WithdrawRequest.model_validate_json('{"reason": " "}')
    with pytest.raises(ValidationError):
        PlanRequest.model_validate_json('{"files": {}}')


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
