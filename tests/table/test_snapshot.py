"""The table survives the trip through bytes, and nothing else becomes a table."""

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import AllDown, Config, Match, Pool, Rule
from gslb.errors import SnapshotError
from gslb.responder import respond
from gslb.table.entries import Base, Table
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


def test_chains_of_a_later_version_are_refused() -> None:
    parts = list(msgpack.unpackb(dump_base(table(config()).base), use_list=False, strict_map_key=False))
    pool_maps, chains = msgpack.unpackb(parts[5], use_list=False)
    parts[5] = msgpack.packb((pool_maps, [(*spec, 0) for spec in chains]))
    with pytest.raises(SnapshotError, match="not a table"):
        load_base(msgpack.packb(parts))
