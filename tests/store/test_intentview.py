"""The intents as one node knows them, from changes of the store and from the copy."""

import json
from types import SimpleNamespace

import pytest

from gslb.intents import Drain, Force, Hold, Intent, Target
from gslb.store import HISTORY
from gslb.store.etcdtext import Item
from gslb.store.intentview import IntentView
from gslb.store.keys import Keys
from gslb.store.valuetext import dump_intent

KEYS = Keys("/gslb")
NOW = 1500.0


def drain(drain_id: str, target: str = "site/tokyo", *, created: float = 1000.0, expires: float = 2000.0) -> Drain:
    return Drain(drain_id, Target.parse(target), "CHG-1", "ops", created, expires, leased=True)


def item(key: str, value: bytes) -> Item:
    return Item(key, value, 5, 5, 1, 7)


class Store:
    """What a mirror would have, and a view that follows it."""

    def __init__(self) -> None:
        self.view = IntentView(KEYS)
        self.items: dict[str, Item] = {}

    def put(self, *drains: Intent, now: float = NOW) -> None:
        self.change({KEYS.intent(one.kind, one.id): dump_intent(one) for one in drains}, now=now)

    def change(self, values: dict[str, bytes | None], *, now: float = NOW) -> None:
        for key, value in values.items():
            self.items.pop(key, None)
            if value is not None:
                self.items[key] = item(key, value)
        self.view.changed(frozenset(values), self.items, now)

    def remove(self, drain_id: str, *, now: float = NOW, last: str = "") -> None:
        word = f"undrain {last or drain_id}".encode()
        self.change({KEYS.intent("drain", drain_id): None, KEYS.intents: word}, now=now)

    def held(self) -> dict[str, float | None]:
        return {one.id: one.removed for one in self.view.held((), 1).intents}


def test_a_drain_holds_while_its_key_exists() -> None:
    store = Store()
    store.put(drain("d-2"), drain("d-1", "pool/web", created=1001))
    assert store.held() == {"d-2": None, "d-1": None}
    store.put(now=9999.0)
    assert store.view.get("d-2") == drain("d-2")
    assert store.view.held((), 1).intents[0].active(9999.0)  # the store keeps the time


def test_one_that_was_removed_and_one_whose_lease_ran_out_are_told_apart() -> None:
    store = Store()
    store.put(drain("d-1"), drain("d-2", "pool/web"))
    store.remove("d-1")
    store.change({KEYS.intent("drain", "d-2"): None}, now=1990.0)  # this node's clock is behind
    assert store.held() == {"d-1": NOW, "d-2": 2000.0}
    store.change({KEYS.intent("drain", "d-1"): None}, now=1999.0)
    assert store.held()["d-1"] == NOW


def test_a_removal_by_a_clock_that_is_ahead_is_no_expiry() -> None:
    store = Store()
    store.put(drain("d-1"))
    store.remove("d-1", now=5600.0)
    ended = store.view.get("d-1")
    assert ended is not None
    assert ended.removed is not None
    assert ended.removed < ended.expires


@pytest.mark.parametrize(("now", "expired"), [(1500.0, False), (2001.0, True)])
def test_where_another_word_came_after_it_the_clock_decides(now: float, expired: bool) -> None:
    store = Store()
    store.put(drain("d-1"))
    store.remove("d-1", now=now, last="d-7")
    assert (store.held()["d-1"] == 2000.0) == expired


def test_a_value_that_cannot_be_understood_leaves_the_last_one_and_is_told() -> None:
    store, key = Store(), KEYS.intent("drain", "d-1")
    store.put(drain("d-1"))
    for garbage in (b"", b"{", dump_intent(drain("d-2")), dump_intent(drain("d-1")).replace(b"1000.0", b"1e999")):
        store.change({key: garbage})
        assert store.held() == {"d-1": None}
        assert list(store.view.alarms) == [key]
        assert store.view.alarms[key].startswith(f"{key}: ")
    store.put(drain("d-1"))
    assert store.view.alarms == {}
    store.change({KEYS.intent("drain", "\udcff"): b""})
    store.change({KEYS.intent("drain", "\udcff"): None})
    assert store.view.alarms == {}


def test_ended_drains_are_kept_for_a_while() -> None:
    store = Store()
    store.put(drain("d-1"), drain("d-2", "pool/web"))
    store.remove("d-1")
    store.put(drain("d-3", "pool/a"), now=NOW + HISTORY)
    assert set(store.held()) == {"d-1", "d-2", "d-3"}
    store.put(drain("d-4", "pool/b"), now=NOW + HISTORY + 1)
    assert set(store.held()) == {"d-2", "d-3", "d-4"}


def test_a_second_one_of_a_target() -> None:
    store = Store()
    store.put(drain("d-1"))
    conflict = store.view.conflict(drain("d-2"), NOW)
    assert conflict is not None
    assert "d-1" in conflict.message
    assert store.view.conflict(drain("d-3", "pool/web"), NOW) is None
    store.remove("d-1")
    assert store.view.conflict(drain("d-2"), NOW) is None


def test_the_copy_holds_until_the_store_is_listed() -> None:
    first = Store()
    first.put(drain("d-1"), drain("d-2", "pool/web"), drain("d-3", "pool/a"))
    first.remove("d-3")
    after = Store()
    after.view.restore(first.view.text())
    assert after.held() == {"d-1": None, "d-2": None, "d-3": NOW}
    assert all(one.leased for one in after.view.held((), 1).intents)
    after.put(drain("d-2", "pool/web"), now=2500.0)
    assert after.held() == {"d-1": 2000.0, "d-2": None, "d-3": NOW}


@pytest.mark.parametrize("text", ["", "{", "7", "[" * 100_000, "[7, null, {}]", '[{"id": "d-1", "target": 7}]'])
def test_a_damaged_copy_is_an_empty_one(text: str) -> None:
    view = IntentView(KEYS)
    view.restore(text)
    assert view.held((), 1).intents == ()


def test_what_is_damaged_in_a_copy_is_left_out() -> None:
    good = drain("d-1").to_dict()
    view = IntentView(KEYS)
    view.restore(json.dumps([{**good, "id": "d-2", "created": "noon"}, good, {**good, "id": "d-3", "removed": "x"}]))
    assert [one.id for one in view.held((), 1).intents] == ["d-1", "d-3"]


def test_this_nodes_own_are_among_all_and_marked() -> None:
    store = Store()
    store.put(drain("d-1"))
    own = (drain("l-1", created=500.0),)
    assert [(one.id, one.local) for one in store.view.held(own, 1).intents] == [("l-1", True), ("d-1", False)]
    assert store.view.held(own, 1) is store.view.held(own, 1) is not store.view.held(own, 2)
    assert [one.id for one in store.view.held((), 1).intents] == ["d-1"]
    store.put(drain("d-2", "pool/web"))
    assert [one.id for one in store.view.held(own, 1).intents] == ["l-1", "d-1", "d-2"]


def test_each_kind_has_a_place_of_its_own() -> None:
    store, where = Store(), Target.parse("site/tokyo")
    hold = Hold("h-1", where, "CHG-1", "ops", 1001.0, 2000.0, leased=True)
    force = Force("f-1", where, "CHG-1", "ops", 1002.0, None, leased=True, up=True)
    store.put(drain("d-1"), hold, force)
    held = store.view.held((), 1)
    assert (held.drains, held.holds, held.forces) == ((drain("d-1"),), (hold,), (force,))
    assert held.revisions == {"d-1": 5, "h-1": 5, "f-1": 5}
    assert (held.find("h-1"), held.find("h-2")) == (hold, None)
    after = Store()
    after.view.restore(store.view.text())
    assert after.view.held((), 1).intents == held.intents
    store.change({KEYS.intent("force", "f-1"): None, KEYS.intents: b"drain d-7"}, now=1700.0)
    ended = store.view.get("f-1")
    assert ended is not None
    assert ended.removed == 1700.0
    assert "f-1" not in store.view.held((), 1).revisions


def test_the_copy_of_the_version_before_holds_drains() -> None:
    store = Store()
    older = {key: value for key, value in drain("d-1").to_dict().items() if key not in ("starts", "changed", "percent")}
    store.view.restore(json.dumps([older, {**older, "kind": "wish"}]))
    assert store.view.held((), 1).intents == (drain("d-1"),)


def test_a_copy_of_many_costs_by_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    store.put(*(drain(f"d-{number}") for number in range(100)))
    before = store.view.text()
    written: list[object] = []

    def dumps(value: object) -> str:
        written.append(value)
        return json.dumps(value)

    monkeypatch.setattr("gslb.store.intentview.json", SimpleNamespace(dumps=dumps))
    store.put(drain("d-7", "pool/web"))
    after = store.view.text()
    assert [one["id"] for one in written] == ["d-7"]  # type: ignore[index]
    assert [one for one in json.loads(after) if one not in json.loads(before)] == written
    assert len(json.loads(after)) == 100
