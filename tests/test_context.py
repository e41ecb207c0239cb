"""A context starts from nothing counted."""

from gslb.counters import NAMES
from tests.support import config, context, table


def test_a_new_context() -> None:
    made = table(config())
    ctx = context(made)
    assert ctx.table is made
    assert ctx.counters == [0] * len(NAMES)
