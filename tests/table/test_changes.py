"""Changes lead from leaves to leaves, and hold no more than what changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import AllDown, Config, Pool, Rule
from gslb.errors import SnapshotError
from gslb.geo.atlas import Atlas
from gslb.table.build import compile_base
from gslb.table.changes import PackedLeaves, changed, dump_change, load_change
from gslb.table.entries import Base, Leaves
from gslb.table.leaves import Former, compile_pools
from gslb.table.pack import pack
from gslb.table.snapshot import dump_leaves, load_leaves
from tests.support import config, member, name, states

COUNT = 6
MEMBERS = [(member(f"a{n}", f"192.0.2.{n}"), member(f"b{n}", f"198.51.100.{n}")) for n in range(COUNT)]
ADDRESSES = [address for members in MEMBERS for item in members for address in item.addresses]
VERDICTS = st.lists(st.sets(st.sampled_from(ADDRESSES)), min_size=1, max_size=5)


def many() -> Config:
    pools = [Pool(f"p{n}", members, all_down=AllDown("last_good")) for n, members in enumerate(MEMBERS)]
    names = [name(f"n{n}", Rule((f"p{n}",))) for n in range(COUNT)]
    names += [name("list", Rule(("p0", "p1"))), name("map", Rule(("p2", "p3"), (1, 1)))]
    return config(pools=pools, names=names)


CONFIG = many()
BASE: Base = compile_base(CONFIG, Atlas.empty())


def compiled(down: set[str], former: Former | None) -> Former:
    now = states(CONFIG, down=down)
    good = former.leaves.last_good if former else {}
    return Former(now, compile_pools(BASE, CONFIG, now, good, former))


def carried(leaves: Leaves, change: object, lean: bool = False) -> Leaves:
    return changed(leaves, load_change(dump_change(change)), lean=lean)  # type: ignore[arg-type]


@given(VERDICTS)
def test_following_changes_is_as_good_as_reading_the_whole(steps: list[set[str]]) -> None:
    former = compiled(set(), None)
    packed = PackedLeaves(former.leaves)
    follower = load_leaves(packed.whole())
    for generation, down in enumerate(steps):
        former = compiled(down, former)
        change = packed.change(former.leaves, generation)
        packed = packed.moved(former.leaves, change)
        follower = carried(follower, change)
        assert packed.whole() == dump_leaves(former.leaves) == dump_leaves(follower)
        assert follower.last_good == former.leaves.last_good


def test_a_change_holds_only_what_changed() -> None:
    before = compiled(set(), None)
    after = compiled({"192.0.2.4"}, before)
    change = PackedLeaves(before.leaves).change(after.leaves, 7)
    assert [BASE.chains[index].pools for index, _ in change.nodes] == [("p4",)]
    assert change.last_good == (("p4", ("198.51.100.4",)),)
    assert (change.since, change.base_digest) == (7, BASE.digest)


def test_lean_followers_leave_out_what_was_last_good() -> None:
    before = compiled(set(), None)
    after = compiled({"192.0.2.4"}, before)
    change = PackedLeaves(before.leaves).change(after.leaves, 7)
    lean = load_leaves(dump_leaves(before.leaves), lean=True)
    assert carried(lean, change, lean=True).last_good == {}


def test_the_leaves_before_stay_as_they_were() -> None:
    before = compiled(set(), None)
    after = compiled(set(ADDRESSES), before)
    follower = load_leaves(dump_leaves(before.leaves))
    carried(follower, PackedLeaves(before.leaves).change(after.leaves, 1))
    assert dump_leaves(follower) == dump_leaves(before.leaves)


def test_a_change_of_a_later_format_is_read() -> None:
    before = compiled(set(), None)
    change = PackedLeaves(before.leaves).change(compiled({"192.0.2.4"}, before).leaves, 1)
    assert load_change(pack((*change, "more"))) == change


def test_changes_that_do_not_fit_are_refused() -> None:
    before = compiled(set(), None)
    change = PackedLeaves(before.leaves).change(compiled({"192.0.2.4"}, before).leaves, 1)
    for wrong in (change._replace(base_digest=b"other"), change._replace(nodes=((99, b""),))):
        with pytest.raises(SnapshotError, match="not a table"):
            changed(before.leaves, wrong)
    for junk in (b"", b"\xc1", dump_change(change)[:-1]):
        with pytest.raises(SnapshotError, match="not a table"):
            load_change(junk)
