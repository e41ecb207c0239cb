"""A chain of records, and what breaks it."""

from dataclasses import replace

from gslb.store.audit import Record, broken, chained, newest


def chain(node: str, count: int) -> list[Record]:
    found: list[Record] = []
    for at in range(count):
        entry = Record(node, 0, float(at), "drain", "site/tokyo", f"d-{at}", "ops", "CHG-1")
        found.append(chained(entry, found[-1] if found else None))
    return found


def test_entries_are_numbered_and_hold_the_hash_of_the_one_before() -> None:
    one, two = chain("tokyo-1", 2)
    assert (one.number, one.before, two.number, two.before) == (1, "", 2, one.hash)
    assert broken([one, two]) == []


def test_chains_of_several_nodes_are_told_apart_and_an_old_beginning_may_be_gone() -> None:
    tokyo, osaka = chain("tokyo-1", 4), chain("osaka-1", 3)
    mixed = [one for pair in zip(tokyo[1:], osaka, strict=True) for one in pair]
    assert broken(mixed) == []


def test_what_was_changed_or_taken_out_shows() -> None:
    one, two, three = chain("tokyo-1", 3)
    assert broken([one, replace(two, reason="none"), three]) == ["entry 2 of tokyo-1 was changed"]
    assert broken([one, three]) == ["entry 3 of tokyo-1 does not follow entry 1"]
    forged = chained(replace(two, reason="none"), one)
    assert broken([one, forged, three]) == ["entry 3 of tokyo-1 does not follow entry 2"]


def test_the_newest_of_several_chains_and_each_in_its_order_though_a_clock_was_set_back() -> None:
    tokyo, osaka = chain("tokyo-1", 4), chain("osaka-1", 3)
    set_back: list[Record] = []
    for at in (50.0, 60.0, 1.0, 2.0):
        entry = Record("fukuoka-1", 0, at, "drain", "site/tokyo", "d-1", "ops", "CHG-1")
        set_back.append(chained(entry, set_back[-1] if set_back else None))
    found = newest([*tokyo, *osaka, *set_back], 100)
    assert broken(reversed(found)) == []
    assert [(one.node, one.number) for one in found[:5]] == [
        ("fukuoka-1", 4),
        ("fukuoka-1", 3),
        ("fukuoka-1", 2),
        ("fukuoka-1", 1),
        ("tokyo-1", 4),
    ]
    assert newest([*tokyo, *osaka], 2) == (tokyo[3], tokyo[2])


def test_a_number_that_is_taken_is_left_out_and_shows() -> None:
    one, two = chain("tokyo-1", 2)
    four = chained(replace(two, subject="d-9"), two, 4)
    assert four.number == 4
    assert broken([one, two, four]) == ["entry 4 of tokyo-1 does not follow entry 2"]
