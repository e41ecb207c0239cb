"""The table survives the trip through bytes, and nothing else becomes a table."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import AllDown, Config, Match, Pool, Rule
from gslb.errors import SnapshotError
from gslb.responder import respond
from gslb.table.entries import Base, Table
from gslb.table.pack import digest, pack, unpack
from gslb.table.snapshot import dump_base, dump_leaves, load_base, load_leaves
from tests.support import OSAKA, SOURCE, TOKYO, config, context, member, name, query, states, table

POOLS = [
    Pool("web", (TOKYO, OSAKA)),
    Pool("two", (TOKYO, OSAKA, member("nara", "192.0.2.30")), answers=2),
    Pool("hash", (TOKYO, OSAKA), policy="hash"),
    Pool("near", (TOKYO, OSAKA), policy="nearest"),
    Pool("all", (TOKYO, OSAKA), policy="all"),
    Pool("load", (TOKYO, OSAKA), policy="capacity", load=100.0, capacities=(("tokyo", 1.0),)),
    Pool("dead", (member("kobe", "192.0.2.40"),), all_down=AllDown("last_good")),
]
Form = Callable[[bytes, bytes], tuple[bytes, bytes]]

STATIC = ("txt 60 TXT hello", "c 60 CNAME www", "* 60 TXT wild", "sub 60 NS ns.sub", "ns.sub 60 A 192.0.2.77")


def everything() -> Config:
    rules = (Rule(("web",), match=Match(subnet=("198.18.0.0/15", "10.0.0.0/8"))), Rule(("two", "all"), (3, 1)))
    names = [name("www", *rules), *(name(pool.name, Rule((pool.name,))) for pool in POOLS)]
    return config(STATIC, POOLS, names, ecs_trust=("127.0.0.0/8",))


def made() -> Table:
    full = everything()
    return table(full, states(full, down=["192.0.2.40"]))


def reloaded(full: Table) -> Table:
    return Table(load_base(dump_base(full.base)), load_leaves(dump_leaves(full.leaves)))


def test_a_reloaded_table_is_byte_for_byte_the_same() -> None:
    full = made()
    again = reloaded(full)
    assert again.base.digest == full.base.digest
    assert dump_base(again.base) == dump_base(full.base)
    assert dump_leaves(again.leaves) == dump_leaves(full.leaves)
    assert again.base.names.keys() == full.base.names.keys()


@pytest.mark.parametrize("owner", ["www", "two", "hash", "near", "all", "dead", "txt", "c", "foo", "x.sub", "@"])
@pytest.mark.parametrize("rtype", ["A", "AAAA", "TXT", "NS"])
def test_a_reloaded_table_answers_the_same(owner: str, rtype: str) -> None:
    full = made()
    first, second = context(full), context(reloaded(full))
    wire = query(owner, rtype, payload=1232)
    assert [respond(first, wire, SOURCE, 0) for _ in range(5)] == [respond(second, wire, SOURCE, 0) for _ in range(5)]
    assert first.counters == second.counters


def test_equal_nodes_are_shared_again() -> None:
    full = config(names=[name("a", Rule(("web",))), name("b", Rule(("web",)))])
    base = load_base(dump_base(table(full).base))
    trees = [entry.types[1] for entry in base.names.values() if 28 in entry.types]
    assert len(trees) == 2
    assert trees[0] is trees[1]


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x93\1\2\3", msgpack.packb(5), msgpack.packb([1] * 8)])
def test_foreign_bytes_are_refused(payload: bytes) -> None:
    for load in (load_base, load_leaves):
        with pytest.raises(SnapshotError, match="not a table"):
            load(payload)


@given(st.binary(max_size=200), st.integers(0, 5000))
def test_damaged_bytes_are_refused_or_a_table(junk: bytes, at: int) -> None:
    payload = DUMPED[: at % len(DUMPED)] + junk + DUMPED[at % len(DUMPED) + len(junk) :]
    try:
        base = load_base(payload)
    except SnapshotError:
        return
    assert isinstance(base, Base)


DUMPED = dump_base(made().base)


def test_unknown_kinds_of_nodes_in_a_name() -> None:
    payload = dump_base(table(config(["x 60 TXT a"])).base)
    assert payload.count(b"\x96\x00\x01") > 0  # an answer with one record
    with pytest.raises(SnapshotError, match="no such kind"):
        load_base(payload.replace(b"\x96\x00\x01", b"\x96\x09\x01", 1))


def test_a_worker_loads_lean_and_answers_the_same() -> None:
    full = made()
    lean = Table(load_base(dump_base(full.base), lean=True), load_leaves(dump_leaves(full.leaves), lean=True))
    assert (lean.base.chains, lean.base.pool_maps, lean.leaves.last_good) == ((), {}, {})
    first, second = context(full), context(lean)
    for owner in ("www", "two", "hash", "near", "all", "dead"):
        wire = query(owner, payload=1232)
        assert respond(first, wire, SOURCE, 0) == respond(second, wire, SOURCE, 0)


def test_the_range_of_a_ttl_survives() -> None:
    full = table(config(names=[replace(name("www", Rule(("web",))), ttl_min=5)]))
    assert [spec.ttl_min for spec in load_base(dump_base(full.base)).chains] == [5, 5]


def test_chains_that_were_written_without_a_range_have_none() -> None:
    parts = list(msgpack.unpackb(dump_base(table(config()).base), use_list=False, strict_map_key=False))
    pool_maps, chains = msgpack.unpackb(parts[5], use_list=False)
    parts[5] = msgpack.packb((pool_maps, [spec[:5] for spec in chains]))
    assert [spec.ttl_min for spec in load_base(msgpack.packb(parts)).chains] == [None, None]


def as_before(base: bytes, leaves: bytes) -> tuple[bytes, bytes]:
    """Payloads as the format before had them."""
    *first, apart, sets, names = unpack(base)
    pool_maps, chains = unpack(apart)
    names = [(owner, zone, sets[t] if type(t) is int else t, *rest) for owner, zone, t, *rest in names]
    before = pack((*first, pool_maps, [spec[:5] for spec in chains], names))
    _, nodes, good = unpack(leaves)
    return before, pack((digest(before), [unpack(node) for node in nodes], unpack(good)))


def as_next(base: bytes, leaves: bytes) -> tuple[bytes, bytes]:
    """Payloads as a later format may have them: with something behind everything."""
    settings, zones, rules, rule_names, nearest, apart, sets, names = unpack(base)
    pool_maps, chains = unpack(apart)
    apart = pack((pool_maps, [(*spec, "more") for spec in chains], "more"))
    sets = [[(rtype, _longer(node)) for rtype, node in types] for types in sets]
    names = [_longer_name(*name) for name in names]
    zones = [(*zone, "more") for zone in zones]
    later = pack(((*settings, "more"), zones, rules, rule_names, nearest, apart, sets, names, "more", ("more",)))
    _, nodes, good = unpack(leaves)
    return later, pack((digest(later), [pack(_longer(unpack(node))) for node in nodes], good, "more"))


def _longer_name(owner: bytes, zone: int, types: Any, alias: Any, referral: Any) -> tuple[object, ...]:
    if type(types) is not int:
        types = [(rtype, _longer(node)) for rtype, node in types]
    if referral:
        cut, *sections = referral
        referral = (cut, *((*section, "more") for section in sections), "more")
    return owner, zone, types, alias, referral, "more"


def _longer(node: Any) -> Any:
    """A node with something behind it and behind all that it is made of."""
    match node:
        case (1 | 8, *first, children):
            return (node[0], *first, [*map(_longer, children)], "more")
        case (2 | 3, *first, answers, count):
            return (node[0], *first, [*map(_longer, answers)], count, "more")
        case (4, nearest, answers, count, unknown):
            return (4, nearest, [answer and _longer(answer) for answer in answers], count, _longer(unknown), "more")
    return (*node, "more")


@pytest.mark.parametrize("form", [as_before, as_next])
@pytest.mark.parametrize("lean", [False, True])
def test_a_table_of_the_format_before_or_after_answers_the_same(form: Form, lean: bool) -> None:
    full = made()
    base, leaves = form(dump_base(full.base), dump_leaves(full.leaves))
    other = Table(load_base(base, lean=lean), load_leaves(leaves, lean=lean))
    if not lean:
        assert other.base.pool_maps == full.base.pool_maps
        assert other.base.chains == full.base.chains
        assert other.leaves.last_good == full.leaves.last_good
    first, second = context(full), context(other)
    for owner in ("www", "two", "hash", "near", "all", "dead", "txt", "c", "foo", "x.sub", "@"):
        wire = query(owner, payload=1232)
        assert [respond(first, wire, SOURCE, 0) for _ in range(5)] == [
            respond(second, wire, SOURCE, 0) for _ in range(5)
        ]
