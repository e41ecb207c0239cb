"""Fixtures: a whole node in this process."""

from tests.whole_node import node, stopped_node

__all__ = ["node", "stopped_node"]
