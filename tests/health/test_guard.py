"""Blast radius: what may always be lost, what is held, and for how long."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Member, Pool
from gslb.health.guard import WINDOW, Down, Verdicts, guard
from gslb.health.memory import Loss


def pool(*members: tuple[str, str, int], max_loss: float = 0.5) -> Pool:
    found = tuple(Member(name, site, (f"192.0.2.{n}",), weight) for n, (name, site, weight) in enumerate(members))
    return Pool("web", found, max_loss=max_loss)


TWO = pool(("t1", "tokyo", 30), ("t2", "tokyo", 30), ("o1", "osaka", 20), ("o2", "osaka", 20))
THREE = pool(("a", "a", 1), ("b", "b", 1), ("c", "c", 1))


def judge(
    where: Pool, down: Sequence[str], now: float, before: Verdicts | None = None, *, agree: bool = False
) -> Verdicts:
    """Down by health; served are those that no earlier judgement took away."""
    losses: Mapping[str, Loss] = before.losses if before else {}
    held = before.held if before else frozenset()
    served = {name for name in down if name not in losses or name in held}
    return guard(where, losses, Down(set(down), served), now, lambda members, sites: agree)


def test_one_whole_site_may_always_be_lost_however_large() -> None:
    assert judge(TWO, ("t1", "t2"), 5.0).held == frozenset()
    first = judge(TWO, ("t1",), 5.0)
    assert judge(TWO, ("t1", "t2"), 9.0, first).held == frozenset()


def test_one_member_larger_than_the_share_may_be_lost() -> None:
    large = pool(("big", "a", 90), ("small", "b", 10))
    assert judge(large, ("big",), 5.0).held == frozenset()


def test_a_part_lost_before_does_not_keep_a_dead_site() -> None:
    first = judge(TWO, ("o1",), 0.0)
    assert judge(TWO, ("o1", "t1", "t2"), 10.0, first).held == frozenset()


def test_the_second_site_is_held_for_one_window_and_no_longer() -> None:
    first = judge(TWO, ("o1", "o2"), 0.0)
    second = judge(TWO, ("o1", "o2", "t1", "t2"), 10.0, first)
    assert second.held == {"t1", "t2"}  # 40 are gone, and none of 30 fits into 50
    assert second.at == WINDOW
    later = judge(TWO, ("o1", "o2", "t1", "t2"), WINDOW - 0.1, second)
    assert later.held
    assert judge(TWO, ("o1", "o2", "t1", "t2"), WINDOW + 10.0, later).held == frozenset()


def test_both_sites_at_once_cost_the_heavier_one() -> None:
    found = judge(TWO, ("t1", "t2", "o1", "o2"), 5.0)
    assert found.held == {"o1", "o2"}


def test_the_voters_outside_may_agree() -> None:
    first = judge(THREE, ("a",), 0.0)
    assert judge(THREE, ("a", "b"), 5.0, first).held == {"b"}
    assert judge(THREE, ("a", "b"), 5.0, first, agree=True).held == frozenset()
    held = judge(THREE, ("a", "b"), 5.0, first)
    assert judge(THREE, ("a", "b"), 9.0, held, agree=True).held == frozenset()


SIX = pool(("a1", "a", 10), ("a2", "a", 1), ("b1", "b", 10), ("b2", "b", 1), ("c1", "c", 10), ("c2", "c", 1))


def test_parts_of_one_site_after_another_keep_to_the_share() -> None:
    first = judge(SIX, ("c1",), 0.0)
    second = judge(SIX, ("c1", "a1"), 3.0, first)
    assert second.held == {"a1"}  # 20 of 33, and site a stands
    third = judge(SIX, ("c1", "a1", "b1"), 6.0, second)
    assert third.held == {"a1", "b1"}


def test_a_site_is_let_go_when_nothing_of_it_is_left() -> None:
    first = judge(SIX, ("c1",), 0.0)
    second = judge(SIX, ("c1", "a1"), 3.0, first)
    third = judge(SIX, ("c1", "a1", "a2"), 3.2, second)
    assert third.held == frozenset()
    assert judge(SIX, ("c1", "a1", "a2", "b1", "b2"), 9.0, third).held == {"b1", "b2"}


def test_the_rest_of_a_site_may_follow_its_larger_part() -> None:
    uneven = pool(("a1", "a", 40), ("a2", "a", 30), ("a3", "a", 10), ("b", "b", 20))
    first = judge(uneven, ("a1", "a2"), 0.0)
    assert first.held == frozenset()
    second = judge(uneven, ("a1", "a2", "b"), 3.0, first)
    assert second.held == {"b"}
    assert judge(uneven, ("a1", "a2", "a3", "b"), 6.0, second).held == {"b"}


def test_a_large_member_may_go_beside_a_part() -> None:
    large = pool(("a1", "a", 60), ("a2", "a", 10), ("b1", "b", 20), ("b2", "b", 10))
    first = judge(large, ("b2",), 0.0)
    second = judge(large, ("b2", "a1"), 3.0, first)
    assert second.held == frozenset()
    assert judge(large, ("b2", "a1", "b1"), 6.0, second).held == {"b1"}


def test_a_standby_without_weight_takes_nothing_away() -> None:
    standby = pool(("a", "a", 60), ("b", "b", 40), ("c", "c", 0))
    first = judge(standby, ("c",), 0.0)
    second = judge(standby, ("c", "a"), 3.0, first)
    assert second.held == frozenset()
    assert judge(standby, ("a", "c"), 3.0, judge(standby, ("a",), 0.0)).held == frozenset()


def test_what_was_held_counts_from_when_it_goes() -> None:
    first = judge(THREE, ("a",), 0.0)
    second = judge(THREE, ("a", "b"), 50.0, first)
    assert second.held == {"b"}
    third = judge(THREE, ("b",), 55.0, second)  # a has recovered: there is room
    assert third.held == frozenset()
    assert judge(THREE, ("b", "c"), 111.0, third).held == {"c"}
    assert judge(THREE, ("b", "c"), 115.0, third).held == frozenset()


def test_what_recovers_is_forgotten() -> None:
    first = judge(THREE, ("a",), 0.0)
    again = judge(THREE, ("b",), 5.0, first)
    assert set(again.losses) == {"b"}
    assert again.held == frozenset()


def test_losses_a_window_apart_are_not_one() -> None:
    first = judge(THREE, ("a",), 0.0)
    assert judge(THREE, ("a", "b"), WINDOW, first).held == frozenset()


def test_members_of_weight_zero_are_counted_where_no_other_weight_is() -> None:
    standby = pool(("a", "a", 0), ("b", "b", 0), ("c", "c", 0))
    assert len(judge(standby, ("a", "b"), 5.0).held) == 1


WEIGHTS = {"a1": 10, "a2": 1, "b1": 10, "b2": 3, "c1": 10, "c2": 2, "d": 0}


@given(
    st.lists(st.tuples(st.sets(st.sampled_from(sorted(WEIGHTS))), st.floats(0.1, 40)), max_size=12),
    st.sampled_from([0.2, 0.5, 0.8]),
)
def test_one_whole_site_or_large_member_and_the_share_is_all_that_goes(
    moments: list[tuple[set[str], float]], share: float
) -> None:
    where = pool(*((name, name[0], weight) for name, weight in WEIGHTS.items()), max_loss=share)
    most = share * sum(WEIGHTS.values()) + 1e-6
    now, found = 1.8e9, None
    since: dict[str, float] = {}
    went: dict[str, float] = {}
    for down, gap in moments:
        now += gap
        found = judge(where, sorted(down), now, found)
        since = {name: since.get(name, now) for name in down}
        gone = down - found.held
        went = {name: went.get(name, now) for name in gone}
        taken = {name for name in gone if went[name] == now < since[name] + WINDOW and WEIGHTS[name]}
        if taken:
            recent = {name for name, at in went.items() if now < at + WINDOW}
            assert _weight(recent) <= most or any(
                _weight(recent - names) <= most for names in _beyond_the_share(recent, down, most)
            )


def _weight(names: set[str]) -> int:
    return sum(WEIGHTS[name] for name in names)


def _beyond_the_share(recent: set[str], down: set[str], most: float) -> list[set[str]]:
    sites = [{name for name in WEIGHTS if name[0] == site} for site in "abcd"]
    dead = [names for names in sites if names <= down or recent <= names]
    return [*dead, *({name} for name in recent if WEIGHTS[name] > most)]


NAMES = ("t1", "t2", "o1", "o2")


@given(st.lists(st.tuples(st.sets(st.sampled_from(NAMES)), st.floats(0.1, 70)), max_size=12), st.floats(0, 1))
def test_no_hold_outlives_its_window_and_no_due_time_is_past(
    moments: list[tuple[set[str], float]], share: float
) -> None:
    where = pool(*((name, name[0], 10) for name in NAMES), max_loss=share)
    now, found = 1.8e9, None
    since: dict[str, float] = {}
    for down, gap in moments:
        now += gap
        if found:
            held, losses = found.held & down, {name: one for name, one in found.losses.items() if name in down}
            found = Verdicts(losses, held, found.at)
        found = judge(where, sorted(down), now, found)
        since = {name: since.get(name, now) for name in found.held}
        assert found.held <= down
        assert all(now < at + WINDOW for at in since.values())
        assert found.at is None or now < found.at <= now + WINDOW
        assert set(found.losses) <= set(NAMES)
        gone = {one[0] for one in down - found.held}
        assert gone or not down
