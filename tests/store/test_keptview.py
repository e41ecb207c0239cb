"""Small documents, from changes of the store and from the copy."""

import pytest

from gslb.errors import RequestError
from gslb.store.etcdtext import Item
from gslb.store.keptview import KeptView, document_text
from gslb.store.keys import Keys

KEYS = Keys("/gslb")
KEY = KEYS.document("tokens", "t-1")


def change(view: KeptView, **values: bytes | None) -> bool:
    """What the mirror tells: these are all documents of the kind that there are."""
    keys = {KEYS.document("tokens", name): value for name, value in values.items()}
    items = {key: Item(key, value, 5, 5, 1, 0) for key, value in keys.items() if value is not None}
    return view.changed(frozenset(keys), items)


def test_documents_come_change_and_go() -> None:
    view = KeptView(KEYS)
    assert view.of("tokens") == {}
    assert change(view, a=b'{"scope": "read"}', b=b"{}")
    before = view.of("tokens")
    assert before == {"a": {"scope": "read"}, "b": {}}
    assert change(view, a=None)
    assert view.of("tokens") == {"b": {}}
    assert before == {"a": {"scope": "read"}, "b": {}}, "who holds the former keeps it"
    assert view.of("uses") == {}
    assert not view.changed({KEYS.intents}, {})


def test_what_cannot_be_understood_leaves_the_last_one_and_is_told() -> None:
    view = KeptView(KEYS)
    change(view, a=b'{"scope": "read"}')
    for garbage in (b"", b"[]", b"{", b"\xff"):
        change(view, a=garbage)
        assert view.of("tokens") == {"a": {"scope": "read"}}
        assert list(view.alarms) == [KEYS.document("tokens", "a")]
    change(view, a=b"{}")
    assert view.alarms == {}


def test_the_copy_holds_until_the_store_is_listed() -> None:
    first, after = KeptView(KEYS), KeptView(KEYS)
    change(first, a=b'{"n": 1}', b=b"{}")
    after.restore(first.text())
    assert after.of("tokens") == {"a": {"n": 1}, "b": {}}
    assert change(after, b=b'{"n": 2}')
    assert after.of("tokens") == {"b": {"n": 2}}


@pytest.mark.parametrize("text", ["", "7", "[" * 100_000, '{"tokens": 7}', '{"tokens": {"a": 7}}'])
def test_a_damaged_copy_is_an_empty_one(text: str) -> None:
    view = KeptView(KEYS)
    view.restore(text)
    assert view.of("tokens") == {}


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".a", "\u00e9", "a" * 101])
def test_names_that_are_none(name: str) -> None:
    for kind, key in ((name, "t-1"), ("tokens", name)):
        with pytest.raises(RequestError, match="name"):
            document_text(kind, key, {})


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": object()}, {"a": "x" * 20_000}])
def test_documents_that_cannot_be_kept(value: dict[str, object]) -> None:
    with pytest.raises(RequestError, match="document"):
        document_text("tokens", "t-1", value)
