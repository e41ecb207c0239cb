"""Who is there."""

from gslb.store.roster import Condition, Registration
from gslb.store.valuetext import dump_node, load_node


def test_a_registration_says_who_it_is_before_it_serves_anything() -> None:
    fresh = Registration("tokyo-1", "tokyo", ("dns", "probe"), "0.1")
    assert (fresh.config, fresh.answers, fresh.generation, fresh.intents) == ("", "", 0, 0)
    assert load_node(dump_node(fresh)) == fresh
    assert hash(fresh) == hash(load_node(dump_node(fresh)))


def test_a_store_is_well_until_something_is_said_of_it() -> None:
    assert Condition("sqlite") == ("sqlite", False, 0.0, (), "")
