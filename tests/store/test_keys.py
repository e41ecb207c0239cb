"""Where everything stands."""

from gslb.intents import KINDS
from gslb.store.keys import Keys

KEYS = Keys("/gslb")


def test_what_every_node_knows_is_under_live_and_the_record_is_not() -> None:
    known = (KEYS.nodes, KEYS.votes, KEYS.intent("hold", "h-1"), KEYS.kept, KEYS.intents, KEYS.cookies)
    assert all(key.startswith(KEYS.live) for key in known)
    assert not KEYS.audit("tokyo-1").startswith(KEYS.live)


def test_no_kind_of_key_is_among_another() -> None:
    places = [KEYS.nodes, KEYS.votes, KEYS.kept, *(KEYS.intent(kind, "") for kind in KINDS)]
    assert all(place.endswith("/") for place in places)
    assert not any(key.startswith(place) for key in (KEYS.intents, KEYS.cookies) for place in places)


def test_records_are_in_the_order_of_their_numbers() -> None:
    keys = [KEYS.record("tokyo-1", number) for number in (1, 2, 10, 999, 10_000)]
    assert keys == sorted(keys)
    assert all(key.startswith(KEYS.audit("tokyo-1")) and key.startswith(KEYS.audit("")) for key in keys)
    assert not keys[0].startswith(KEYS.audit("tokyo"))


def test_an_intent_is_told_by_its_key() -> None:
    assert KEYS.intent("drain", "d-1") == "/gslb/live/drains/d-1"
    for kind in KINDS:
        assert KEYS.intent_of(KEYS.intent(kind, "x-1")) == (kind, "x-1")
    assert KEYS.intent_of(KEYS.intents) is None
    assert KEYS.intent_of(KEYS.document("tokens", "t-1")) is None
