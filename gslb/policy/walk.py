"""Every leaf below a node: for those who compile and explain, not for those who answer."""

from collections.abc import Iterator

from gslb.policy.nodes import Answer, ByHash, Choice, Nearest, Node, Sample
from gslb.policy.split import Split


def answers_of(node: Node) -> Iterator[Answer]:
    """Every leaf that a node may choose. A draw of several gives its parts."""
    match node:
        case Answer():
            yield node
        case Choice() | Split():
            for child in node.children:
                yield from answers_of(child)
        case Sample() | ByHash():
            yield from node.answers
        case Nearest():
            yield from filter(None, node.answers)
            yield from answers_of(node.unknown)
        case _:
            raise TypeError(f"no such kind of leaf: {node!r}")
