"""Values as the version before wrote them, to the letter, and as a later one may write them."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from gslb.health.memory import Past, PoolPast
from gslb.health.states import Observation, TargetKey
from gslb.intents import Drain, Target
from gslb.store import healthtext
from gslb.store.keys import Keys
from gslb.store.roster import Registration
from gslb.store.valuetext import FORMAT, dump_intent, load_head, load_intent, load_node, load_part

DRAIN = (
    b'{"format":1,"id":"d-1","target":"site/tokyo","reason":"CHG-1","owner":"ops","created":1790000000.0,'
    b'"expires":1790003600.0}'
)
NODE = (
    b'{"format":1,"name":"tokyo-1","site":"tokyo","roles":["dns","probe"],"version":"0.1.0","config":"c0",'
    b'"answers":"a0","generation":3,"intents":7}'
)
HEAD = b'{"format":1,"prober":"tokyo-1","site":"tokyo","blind":""}'
PART = b'{"format":1,"verdicts":[["web","192.0.2.1","down",1789999999.5,"timeout",true]]}'
HEALTH = (
    '{"belief": [["web", "192.0.2.1", "down", 1789999999.5, "timeout"]], '
    '"waiting": [["web", "tokyo", "192.0.2.1", "up", 1789999990.0, "down", 1.5, true, false]], '
    '"only": {"web": "osaka"}}'
)
TOKYO = TargetKey("web", "192.0.2.1")
READERS: list[tuple[bytes, Callable[[bytes], object]]] = [
    (DRAIN, lambda text: load_intent("drain", text)),
    (NODE, load_node),
    (HEAD, load_head),
    (PART, load_part),
]


def test_what_the_version_before_wrote_means_the_same() -> None:
    drain = load_intent("drain", DRAIN)
    assert isinstance(drain, Drain)
    assert (drain.id, drain.target, drain.reason, drain.owner) == ("d-1", Target.parse("site/tokyo"), "CHG-1", "ops")
    assert (drain.created, drain.starts, drain.expires) == (1790000000.0, 1790000000.0, 1790003600.0)
    assert drain.percent == 100
    assert drain.active(1790000000.0)
    assert load_node(NODE) == Registration("tokyo-1", "tokyo", ("dns", "probe"), "0.1.0", "c0", "a0", 3, 7)
    head = load_head(HEAD)
    assert (head.prober, head.site, head.blind) == ("tokyo-1", "tokyo", "")
    assert load_part(PART) == {TOKYO: Observation("down", 1789999999.5, "timeout", True)}


def test_the_health_snapshot_of_the_version_before_and_of_the_next() -> None:
    seen = {TOKYO: Observation("down", 1789999999.5, "timeout")}
    past = Past("up", 1789999990.0, "down", 1.5, True, False)
    known = {"web": PoolPast({("tokyo", "192.0.2.1"): past}, only="osaka")}
    assert healthtext.load(HEALTH) == (seen, known)
    newer = json.loads(HEALTH)
    newer = {
        **newer,
        "weather": {},
        **{name: [[*row, "more"] for row in newer[name]] for name in ("belief", "waiting")},
    }
    assert healthtext.load(json.dumps(newer)) == (seen, known)


@pytest.mark.parametrize(("text", "load"), READERS, ids=["drain", "node", "head", "part"])
def test_a_later_version_may_tell_more(text: bytes, load: Callable[[bytes], object]) -> None:
    newer = {**json.loads(text), "format": FORMAT + 1, "weather": ["sunny"]}
    if "verdicts" in newer:
        newer["verdicts"] = [[*row, "sunny"] for row in newer["verdicts"]]
    found = load(json.dumps(newer).encode())
    if isinstance(found, Drain):
        assert found.unknown == {"format": FORMAT + 1, "weather": ["sunny"]}
        found = replace(found, unknown={})
    assert found == load(text)


def test_what_a_later_version_told_of_an_intent_is_written_back() -> None:
    newer = {
        **json.loads(DRAIN),
        "format": FORMAT + 1,
        "oldest": FORMAT,
        "weather": {"a": [1]},
        "unknown": 7,
        "more": 8,
    }
    found = load_intent("drain", json.dumps(newer).encode())
    written = json.loads(dump_intent(replace(found, reason="CHG-2", changed=1)))
    assert written.items() >= {**newer, "reason": "CHG-2", "changed": 1}.items()
    assert load_intent("drain", dump_intent(found)) == found
    assert "weather" not in found.to_dict()


@pytest.mark.parametrize(("text", "load"), READERS, ids=["drain", "node", "head", "part"])
@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"format": FORMAT + 2}, f"for readers of format {FORMAT + 1} or newer"),
        ({"format": FORMAT + 2, "oldest": FORMAT}, f"for readers of format {FORMAT + 1} or newer"),
        ({"format": FORMAT + 1, "oldest": FORMAT + 1}, f"for readers of format {FORMAT + 1} or newer"),
        ({"format": FORMAT + 1, "oldest": "x"}, "`oldest` must be"),
    ],
)
def test_what_is_not_for_us_is_refused(
    text: bytes, load: Callable[[bytes], object], more: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        load(json.dumps({**json.loads(text), **more}).encode())


@pytest.mark.parametrize("place", ["live/plans/p-1", "live/drains", "live/new/kind/x"])
def test_a_kind_that_only_a_later_version_knows_is_no_intent(place: str) -> None:
    assert Keys("/gslb").intent_of(f"/gslb/{place}") is None
