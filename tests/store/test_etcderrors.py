"""What etcd refuses, in the gateway's own words."""

import json

import pytest

from gslb.errors import StoreError
from gslb.store.etcderrors import (
    AttemptError,
    CompactedError,
    LeaseGoneError,
    LoginError,
    refuse,
    unreachable,
)


def refusal(message: str, code: int, status: int = 400) -> Exception:
    body = json.dumps({"error": message, "message": message, "code": code}).encode()
    with pytest.raises(Exception) as raised:
        refuse("http://a:1", status, body)
    return raised.value


@pytest.mark.parametrize(
    ("message", "code", "kind"),
    [
        ("etcdserver: invalid auth token", 16, LoginError),
        ("etcdserver: revision of auth store is old", 3, LoginError),
        ("etcdserver: user name is empty", 3, LoginError),
        ("etcdserver: requested lease not found", 5, LeaseGoneError),
        ("etcdserver: mvcc: required revision has been compacted", 11, CompactedError),
        ("etcdserver: permission denied", 7, StoreError),
        ("etcdserver: mvcc: database space exceeded", 8, StoreError),
        ("etcdserver: request timed out", 14, AttemptError),
        ("etcdserver: leader changed", 14, AttemptError),
    ],
)
def test_kinds(message: str, code: int, kind: type[Exception]) -> None:
    error = refusal(message, code)
    assert type(error) is kind
    assert message in str(error) or kind is CompactedError


def test_without_a_leader_nothing_is_done() -> None:
    without, timed_out = refusal("etcdserver: no leader", 14), refusal("etcdserver: request timed out", 14)
    assert isinstance(without, AttemptError)
    assert isinstance(timed_out, AttemptError)
    assert (without.taken, timed_out.taken) == (False, True)


def test_hints() -> None:
    full, denied = refusal("etcdserver: mvcc: database space exceeded", 8), refusal("etcdserver: permission denied", 7)
    assert isinstance(full, StoreError)
    assert isinstance(denied, StoreError)
    assert "alarm disarm" in full.hint
    assert "grant-permission" in denied.hint
    with pytest.raises(StoreError) as raised:
        refuse("http://a:1", 400, b"client sending requests against gateway must have empty CommonName in its cert\n")
    assert "common name" in raised.value.hint
    assert str(denied) == "http://a:1: etcdserver: permission denied"


def test_an_error_within_a_stream() -> None:
    body = b'{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader","http_status":"x"}}'
    with pytest.raises(AttemptError, match="no leader"):
        refuse("http://a:1", 200, body)


@pytest.mark.parametrize("body", [b"", b"Bad Gateway", b"[1]", b'{"error": 5}', b"[" * 100_000])
def test_what_is_not_the_gateways_json(body: bytes) -> None:
    with pytest.raises(AttemptError):
        refuse("http://a:1", 502, body)
    with pytest.raises(StoreError) as raised:
        refuse("http://a:1", 404, body)
    assert len(str(raised.value)) < 300


def test_every_endpoint_that_failed_is_named() -> None:
    failures = {"http://a": AttemptError("refused", taken=False), "http://b": AttemptError("x", taken=True, hint="do")}
    error = unreachable(failures)
    assert str(error) == "http://a: refused; http://b: x"
    assert error.hint == "do"
