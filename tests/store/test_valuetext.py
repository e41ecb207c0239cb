"""Values as text: what is written is read back, by the version before and the next, and nothing else is believed."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.health.states import Observation, TargetKey
from gslb.health.votes import Ballot
from gslb.intents import Drain, Force, Hold, Intent, Target
from gslb.store.roster import Registration
from gslb.store.valuetext import (
    HEAD,
    check_secrets,
    dump,
    dump_ballot,
    dump_intent,
    dump_node,
    load_head,
    load_intent,
    load_node,
    load_part,
    shown,
)

TEXTS = st.text(max_size=20)
TIMES = st.floats(0, 4e9)
NUMBERS = st.integers(0, (1 << 63) - 1)
NAMES = st.text("abcdefgh-.:0123456789\u6771", min_size=1, max_size=12)
TARGETS = st.one_of(
    st.builds(Target, st.sampled_from(["site", "pool"]), NAMES), st.builds(Target, st.just("member"), NAMES, NAMES)
)
ALWAYS = {"leased": st.just(True), "starts": TIMES, "changed": NUMBERS}
COMMON = (TEXTS, TARGETS, TEXTS, TEXTS, TIMES)
INTENTS = st.one_of(
    st.builds(Drain, *COMMON, TIMES, percent=st.integers(1, 100), **ALWAYS),
    st.builds(Hold, *COMMON, TIMES, **ALWAYS),
    st.builds(Force, *COMMON, TIMES | st.none(), up=st.booleans(), **ALWAYS),
)
NODES = st.builds(
    Registration, TEXTS, TEXTS, st.lists(TEXTS, max_size=3).map(tuple), TEXTS, TEXTS, TEXTS, NUMBERS, NUMBERS
)
SEEN = st.builds(Observation, st.sampled_from(["up", "down", "unknown"]), TIMES, TEXTS, st.booleans())
VERDICTS = st.dictionaries(st.builds(TargetKey, NAMES, NAMES), SEEN, max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)

DRAIN = Drain("d-1", Target.parse("site/tokyo"), "CHG-1", "ops", 1000.0, 2000.0, leased=True)
NODE = Registration("tokyo-1", "tokyo", ("dns", "probe"), "0.1", "c", "a", 7, 9)
BALLOT = Ballot("tokyo-1", "tokyo", {TargetKey("web", "192.0.2.1"): Observation("down", 5.0, "timeout", calm=False)})
OLDER = {"format", "id", "target", "reason", "owner", "created", "expires"}  # what every version writes of a drain


def load_drain(octets: bytes) -> Intent:
    """A drain from its text."""
    return load_intent("drain", octets)


PARTS = dump_ballot(BALLOT)
(PART,) = PARTS.keys() - {HEAD}
GOOD = [  # a value, and what reads it
    (dump_intent(DRAIN), load_drain),
    (dump_node(NODE), load_node),
    (PARTS[HEAD], load_head),
    (PARTS[PART], load_part),
]
LOADERS = [load for _, load in GOOD]
IDS = [load.__name__ for load in LOADERS]


@given(INTENTS)
def test_an_intent_is_read_back(intent: Intent) -> None:
    assert load_intent(intent.kind, dump_intent(intent)) == intent


def test_a_drain_of_the_version_before_is_read() -> None:
    values = {key: value for key, value in json.loads(dump_intent(DRAIN)).items() if key in OLDER}
    assert load_drain(json.dumps(values).encode()) == DRAIN


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("drain", {"expires": None}),
        ("hold", {"expires": None}),
        ("drain", {"percent": 0}),
        ("drain", {"percent": 101}),
        ("drain", {"percent": True}),
        ("drain", {"starts": "noon"}),
        ("drain", {"changed": -1}),
        ("force", {"up": 1}),
        ("force", {"expires": "never"}),
    ],
)
def test_an_intent_that_cannot_be(kind: str, field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        load_intent(kind, json.dumps({**json.loads(dump_intent(DRAIN)), **field}).encode())


@given(NODES)
def test_a_registration_is_read_back(node: Registration) -> None:
    assert load_node(dump_node(node)) == node


@given(VERDICTS)
def test_a_ballot_is_read_back(verdicts: dict[TargetKey, Observation]) -> None:
    texts = dump_ballot(Ballot("tokyo-1", "tokyo", verdicts))
    found: dict[TargetKey, Observation] = {}
    for part, text in texts.items():
        if part != HEAD:
            found |= load_part(text)
    assert found == verdicts
    assert load_head(texts[HEAD]) == Ballot("tokyo-1", "tokyo", {})


def test_one_verdict_that_changes_is_one_part_that_changes() -> None:
    verdicts = {TargetKey("web", f"192.0.2.{number}"): Observation("up", 5.0) for number in range(200)}
    before = dump_ballot(Ballot("tokyo-1", "tokyo", verdicts))
    after = dump_ballot(
        Ballot("tokyo-1", "tokyo", {**verdicts, TargetKey("web", "192.0.2.7"): Observation("down", 6.0)})
    )
    assert len(before) == 17
    assert sum(before[part] != after[part] for part in before) == 1


def test_the_ballot_of_the_blind_is_a_head() -> None:
    texts = dump_ballot(Ballot("tokyo-1", "tokyo", {}, "sees nothing"))
    assert list(texts) == [HEAD]
    assert load_head(texts[HEAD]).blind == "sees nothing"


@pytest.mark.parametrize("load", LOADERS, ids=IDS)
@given(octets=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_a_value_error(load: Any, octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        load(octets)


@pytest.mark.parametrize(("octets", "load"), GOOD, ids=IDS)
@given(data=st.data())
def test_a_field_that_is_anything_is_read_or_a_value_error(octets: bytes, load: Any, data: st.DataObject) -> None:
    values = json.loads(octets)
    name = data.draw(st.sampled_from(sorted(values)))
    with suppress(ValueError):
        load(json.dumps({**values, name: data.draw(JSON)}).encode())


BAD_NUMBERS = ["1" + "0" * 400, "-1", "1e999", "NaN", "-Infinity", "true", '"1"', "null", "9" * 5000]


@pytest.mark.parametrize("number", BAD_NUMBERS, ids=[text[:12] for text in BAD_NUMBERS])
def test_numbers_that_cannot_be_shown_or_counted(number: str) -> None:
    texts = [
        dump_intent(DRAIN).replace(b"1000.0", number.encode()),
        dump_node(NODE).replace(b":7", f":{number}".encode()),
        PARTS[PART].replace(b"5.0", number.encode()),
    ]
    for text, load in zip(texts, (load_drain, load_node, load_part), strict=True):
        assert number.encode() in text
        with pytest.raises(ValueError, match=r"must be|is not JSON"):
            load(text)


@pytest.mark.parametrize(("octets", "load"), GOOD, ids=IDS)
def test_text_that_cannot_be_written_out(octets: bytes, load: Any) -> None:
    text = octets.replace(b"tokyo", rb"\ud800")
    if text == octets:
        text = octets.replace(b"192.0.2.1", rb"\ud800")
    assert text != octets
    with pytest.raises(ValueError, match="must be text") as caught:
        load(text)
    assert str(caught.value).isascii()


@pytest.mark.parametrize(("octets", "load"), GOOD, ids=IDS)
def test_every_field_is_needed(octets: bytes, load: Any) -> None:
    values = json.loads(octets)
    for name in values.keys() - {"starts", "changed", "percent", "overrides", "begun", "notifies"}:
        with pytest.raises(ValueError, match=f"lacks `{name}`"):
            load(json.dumps({key: value for key, value in values.items() if key != name}).encode())


@pytest.mark.parametrize(("octets", "load"), GOOD, ids=IDS)
def test_a_format_before_or_after_is_read_where_the_fields_are_there(octets: bytes, load: Any) -> None:
    for version in (0, 2):
        newer = {**json.loads(octets), "format": version, "weather": {"sunny": [1]}}
        found = load(json.dumps(newer).encode())
        assert (replace(found, unknown={}) if isinstance(found, Drain) else found) == load(octets)


@pytest.mark.parametrize("deep", ["[" * 20 + "]" * 20, "[" * 900 + "]" * 900, '{"a":' * 20 + "1" + "}" * 20])
def test_what_is_not_known_of_an_intent_can_be_written_out(deep: str) -> None:
    octets = b'{"weather":%b,%b' % (deep.encode(), dump_intent(DRAIN)[1:])
    with pytest.raises(ValueError, match="is nested more than 20 deep"):
        load_drain(octets)
    flat = octets.replace(deep.encode(), b'[[["sunny"]]]')
    assert load_drain(dump_intent(load_drain(flat))).unknown == {"weather": [[["sunny"]]]}


def test_votes_of_a_newer_writer_may_be_longer() -> None:
    rows = json.loads(PARTS[PART])["verdicts"]
    assert load_part(dump({"verdicts": [[*rows[0], "more"]]})) == BALLOT.verdicts


@pytest.mark.parametrize(
    "row",
    [7, [], ["m", "a", "up", 1, ""], ["m", "a", "sideways", 1, "", True], ["m", "a", "up", 1, "", "no"], [[]] * 6],
)
def test_votes_that_are_none(row: Any) -> None:
    with pytest.raises(ValueError, match=r"vote|verdict"):
        load_part(dump({"verdicts": [row]}))


def test_a_drain_of_no_target() -> None:
    with pytest.raises(ValueError, match="site/NAME"):
        load_drain(dump_intent(DRAIN).replace(b"site/tokyo", b"planet/mars"))


def test_roles_are_texts() -> None:
    with pytest.raises(ValueError, match="a role must be text"):
        load_node(dump_node(NODE).replace(b'"dns"', b"[]"))
    for begun in (b"7", b"[7]"):
        with pytest.raises(ValueError, match="begun"):
            load_node(dump_node(NODE).replace(b'"begun":[]', b'"begun":' + begun))


def test_a_drain_is_leased_by_the_store() -> None:
    assert load_drain(dump_intent(replace(DRAIN, leased=False))).leased


@pytest.mark.parametrize("text", [b"0" * 32, b"# new\n" + b"a" * 32 + b"\n" + b"F" * 32 + b" # old\n"])
def test_secrets_that_sign(text: bytes) -> None:
    assert check_secrets(text) == text


@pytest.mark.parametrize("text", [b"", b"# none", b"0" * 31, b"0" * 32 + b"\nx", b"\xff", "\u0661".encode() * 32])
def test_secrets_that_do_not(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_secrets(text)


def test_a_key_of_whatever_octets_can_be_shown() -> None:
    assert shown("a\udcff/\u6771") == "a\\udcff/\u6771"
    assert len(shown("a" * 5000)) == 200
