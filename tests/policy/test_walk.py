"""Every leaf below a node."""

import pytest

from gslb.policy.nodes import Answer, ByHash, Choice, Nearest, Sample
from gslb.policy.split import Split
from gslb.policy.walk import answers_of

ONE, TWO, THREE = (Answer([text]) for text in (b"1", b"2", b"3"))


def test_every_leaf_of_a_tree_is_found() -> None:
    near = Nearest(0, [ONE, None], 1, TWO)
    part = Split(b"site/tokyo", [10], [TWO, ONE])
    tree = Choice([1] * 5, [ONE, Sample([1, 1], [TWO, THREE], 1), ByHash([b"k"], [1], [THREE], 1), near, part])
    assert list(answers_of(tree)) == [ONE, TWO, THREE, THREE, ONE, TWO, TWO, ONE]


def test_what_is_no_leaf_has_no_answers() -> None:
    with pytest.raises(TypeError, match="no such kind"):
        list(answers_of(object()))  # type: ignore[arg-type]
