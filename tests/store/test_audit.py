"""A chain of records, and what breaks it."""

import json
from dataclasses import replace
from hashlib import blake2b

import pytest

from gslb.intents import Drain, Target
from gslb.store.audit import Actor, Deed, Record, broken, chained

OPS = Actor("ops", "192.0.2.7")


def chain(node: str, count: int) -> list[Record]:
    found: list[Record] = []
    for at in range(count):
        entry = Record.of(node, float(at), Deed("drain", OPS, "CHG-1", "site/tokyo", f"d-{at}", None, {"at": at}))
        found.append(chained(entry, found[-1] if found else None))
    return found


def older(node: str, count: int) -> list[dict[str, object]]:
    """Entries as the version before wrote them."""
    found: list[dict[str, object]] = []
    before = ""
    for number in range(1, count + 1):
        entry: dict[str, object] = {
            "node": node,
            "number": number,
            "at": 5.0,
            "action": "drain",
            "target": "site/tokyo",
        }
        entry |= {"subject": f"d-{number}", "owner": "ops", "reason": "CHG-1", "before": before}
        before = blake2b(json.dumps(entry, sort_keys=True).encode(), digest_size=32).hexdigest()
        found.append({**entry, "hash": before})
    return found


def test_an_entry_tells_who_when_from_where_what_before_after_and_why() -> None:
    (one,) = chain("tokyo-1", 1)
    assert (one.actor, one.at, one.source, one.action, one.reason) == ("ops", 0.0, "192.0.2.7", "drain", "CHG-1")
    assert (one.target, one.subject, one.before, one.after) == ("site/tokyo", "d-0", None, {"at": 0})


def test_entries_are_numbered_and_hold_the_hash_of_the_one_before() -> None:
    one, two = chain("tokyo-1", 2)
    assert (one.number, one.link, two.number, two.link) == (1, "", 2, one.hash)
    assert broken([one, two]) == []
    assert Record.from_dict(two.to_dict()) == two


def test_chains_of_several_nodes_are_told_apart_and_an_old_beginning_may_be_gone() -> None:
    tokyo, osaka = chain("tokyo-1", 4), chain("osaka-1", 3)
    mixed = [one for pair in zip(tokyo[1:], osaka, strict=True) for one in pair]
    assert broken(mixed) == []


@pytest.mark.parametrize("field", [name for name in chain("tokyo-1", 1)[0].to_dict() if name not in ("node", "format")])
def test_whatever_is_changed_shows(field: str) -> None:
    one, two, three = chain("tokyo-1", 3)
    was = getattr(two, field)
    other = was + 7 if isinstance(was, int | float) else {"at": 7} if field in ("before", "after") else was + "x"
    assert broken([one, replace(two, **{field: other}), three])[0].startswith("entry ")


def test_what_was_changed_taken_out_or_moved_shows() -> None:
    one, two, three = chain("tokyo-1", 3)
    assert broken([one, replace(two, reason="none"), three]) == ["entry 2 of tokyo-1 was changed"]
    assert broken([one, three]) == ["entry 3 of tokyo-1 does not follow entry 1"]
    assert broken([one, three, two]) == [
        "entry 3 of tokyo-1 does not follow entry 1",
        "entry 2 of tokyo-1 does not follow entry 3",
    ]
    forged = chained(replace(two, reason="none"), one)
    assert broken([one, forged, three]) == ["entry 3 of tokyo-1 does not follow entry 2"]
    unreadable = Record.unreadable("tokyo-1", 2, 5.0, "is not JSON")
    assert broken([one, unreadable, three])[0] == "entry 2 of tokyo-1 cannot be read: is not JSON"


def test_a_number_that_is_taken_is_left_out_and_shows() -> None:
    one, two = chain("tokyo-1", 2)
    four = chained(replace(two, subject="d-9"), two, 4)
    assert four.number == 4
    assert broken([one, two, four]) == ["entry 4 of tokyo-1 does not follow entry 2"]


def test_entries_of_the_older_format_verify_and_the_chain_goes_on() -> None:
    one, two = (Record.from_dict(values) for values in older("tokyo-1", 2))
    assert (one.actor, one.source, one.link, two.link) == ("ops", "", "", one.hash)
    three = chained(Record.of("tokyo-1", 6.0, Deed("drain", OPS)), two)
    assert (three.number, three.link) == (3, two.hash)
    assert broken([one, two, three]) == []
    assert two.to_dict() == older("tokyo-1", 2)[1]
    assert broken([one, replace(two, actor="else"), three]) == ["entry 2 of tokyo-1 was changed"]


def test_a_deed_tells_what_it_does_to_an_intent() -> None:
    drain = Drain("d-1", Target.parse("site/tokyo"), "CHG-1", "ops", 1.0, 2.0, leased=True)
    deed = Deed("change-drain", OPS, "CHG-2").about(drain, replace(drain, percent=50, changed=1))
    assert (deed.target, deed.subject) == ("site/tokyo", "d-1")
    assert deed.before
    assert deed.after
    assert (deed.before["percent"], deed.after["percent"]) == (100, 50)
    assert "leased" not in deed.after
    assert Deed("cancel-drain", OPS).about(drain, None).after is None
