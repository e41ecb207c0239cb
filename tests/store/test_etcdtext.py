"""The gateway's JSON, forth and back."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.store import etcdtext
from gslb.store.etcdtext import Batch, Change, Compare, Delete, Item, Put, Read, Tally

HEADER = {"cluster_id": "1", "member_id": "17756187180168060961", "revision": "9", "raft_term": "2"}


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@given(st.binary(min_size=1))
def test_every_octet_of_a_key_survives(octets: bytes) -> None:
    (item,) = etcdtext.items({"kvs": [{"key": b64(octets)}]})
    assert etcdtext.to_octets(item.key) == octets
    assert etcdtext.encode(item.key) == b64(octets)


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_a_key_is_before_the_end_of_a_prefix_exactly_where_it_begins_with_it(prefix: bytes, key: bytes) -> None:
    text = prefix.decode(errors="surrogateescape")
    end = etcdtext.prefix_end(text)
    within = prefix <= key and (end == b"\0" or key < end)
    assert within == key.startswith(prefix)


def test_what_is_left_out_is_zero_or_empty() -> None:
    assert etcdtext.items({"header": HEADER}) == ()
    assert etcdtext.items({"kvs": [{"key": b64(b"a"), "mod_revision": "7"}]}) == (Item("a", b"", 0, 7, 0, 0),)
    assert etcdtext.tally({"header": HEADER}) == Tally(9, 0, newer=False)
    assert etcdtext.tally({"header": HEADER, "count": "3", "kvs": [{}]}) == Tally(9, 3, newer=True)
    result = etcdtext.txn_result({"header": HEADER})
    assert (result.succeeded, result.revision, result.items) == (False, 9, ())


def test_a_transaction() -> None:
    body = etcdtext.txn_body(
        [etcdtext.absent("a"), Compare("p/", "mod_revision", "<", 6, prefix=True), Compare("a", "lease", "!=", 3)],
        [Put("a", b"\0", 2**63 - 1), Delete("p/", prefix=True)],
        [Read("a")],
    )
    a, p, q = b64(b"a"), b64(b"p/"), b64(b"p0")
    assert body["compare"] == [
        {"key": a, "target": "CREATE", "result": "EQUAL", "create_revision": "0"},
        {"key": p, "range_end": q, "target": "MOD", "result": "LESS", "mod_revision": "6"},
        {"key": a, "target": "LEASE", "result": "NOT_EQUAL", "lease": "3"},
    ]
    assert body["success"] == [
        {"request_put": {"key": a, "value": b64(b"\0"), "lease": "9223372036854775807"}},
        {"request_delete_range": {"key": p, "range_end": q}},
    ]
    assert body["failure"] == [{"request_range": {"key": a}}]
    item = Item("a", b"", 1, 4, 2, 0)
    assert etcdtext.unchanged(item) == Compare("a", "mod_revision", "=", 4)


def test_a_page_begins_behind_the_last_key_of_the_one_before() -> None:
    assert etcdtext.page_body("p/", None, 5, 0)["key"] == b64(b"p/")
    body = etcdtext.page_body("p/", "p/x", 5, 8)
    assert body == {"key": b64(b"p/x\0"), "range_end": b64(b"p0"), "limit": "5", "revision": "8"}


def test_messages_of_a_watch() -> None:
    put = {"kv": {"key": b64(b"a"), "value": b64(b"v"), "create_revision": "2", "mod_revision": "6", "lease": "3"}}
    gone = {"type": "DELETE", "kv": {"key": b64(b"b"), "mod_revision": "7"}}
    changes = (Change("a", b"v", 2, 6, 0, 3), Change("b", None, 0, 7, 0, 0))
    assert etcdtext.batch({"header": HEADER, "created": True}, 5) == Batch(4)
    assert etcdtext.batch({"header": HEADER, "created": True}, 0) == Batch(9)
    assert etcdtext.batch({"header": HEADER}, 5) == Batch(9)
    assert etcdtext.batch({"header": HEADER, "events": [put, gone]}, 5) == Batch(7, changes)
    assert etcdtext.batch({"header": HEADER, "events": [put, gone], "fragment": True}, 5) == Batch(6, changes)


def test_the_state_of_a_member() -> None:
    answer = {"header": HEADER, "version": "3.4.23", "dbSize": "20480", "errors": ["etcdserver: no leader"]}
    status = etcdtext.status("http://a", answer)
    assert (status.member, status.leader, status.size, status.revision) == (f"{17756187180168060961:x}", "", 20480, 9)
    assert status.alarms == ("etcdserver: no leader",)
    assert etcdtext.status("http://a", {**answer, "leader": "255"}).leader == "ff"


@pytest.mark.parametrize("answer", [{"kvs": [{}]}, {"kvs": [{"key": "?"}]}, {"kvs": 5}, {"kvs": ["a"]}])
def test_what_is_not_an_answer(answer) -> None:
    with pytest.raises((KeyError, ValueError, TypeError, AttributeError)):
        etcdtext.items(answer)


def test_a_span() -> None:
    body = etcdtext.span_body("a", b"c", 7, newest_first=False)
    assert body == {"key": b64(b"a"), "range_end": b64(b"c"), "limit": "7"}
    body = etcdtext.span_body("a", b"c", 7, newest_first=True)
    assert (body["sort_order"], body["sort_target"]) == ("DESCEND", "KEY")
