"""Reloads that are refused: not what was to come, too much that goes, not what the caller has seen."""

import pytest

from gslb.control.line import load_plan
from gslb.control.pushes import Push, judge, require_served
from gslb.errors import ConflictError, PreconditionError
from gslb.store.audit import Actor
from tests.whole_node import Node

PUSH = Push(Actor("ann"))


def test_judging(stopped_node: Node) -> None:
    served = load_plan(stopped_node.path).config
    stopped_node.write_zones(stopped_node.zones.replace("www:", "other:"))
    config = load_plan(stopped_node.path).config
    with pytest.raises(ConflictError, match="is not taken over") as refused:
        judge(PUSH, served, config)
    assert refused.value.pointer == "/force"
    assert judge(PUSH._replace(force=True), served, config).too_much()
    assert not judge(PUSH._replace(expect=served.digest[:6]), served, served).too_much()
    with pytest.raises(ConflictError, match=f"is {config.digest}, not ffff") as refused:
        judge(PUSH._replace(force=True, expect="ffff"), served, config)
    assert refused.value.pointer == "/digest"


def test_what_was_seen(stopped_node: Node) -> None:
    served = load_plan(stopped_node.path).config
    for seen in ("", served.digest):
        require_served(seen, served)
    with pytest.raises(PreconditionError, match="nothing was done"):
        require_served("ffff", served)
