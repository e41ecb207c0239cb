"""What a node begins with, and which copy that is. The rest is seen from outside, in test_reloading.py."""

import shutil
from pathlib import Path

import pytest

from gslb.control.course import Keeping, starting_plan
from gslb.control.generations import Course, Generation, Generations, Pin, Trial
from gslb.control.line import load_plan
from gslb.errors import ConfigError, StateError
from tests.whole_node import Node


@pytest.fixture
def pair(stopped_node: Node) -> tuple[Node, Generations]:
    """A node with two copies: number 1 with a TTL of 30 seconds, 2 with 45; the folder on disk has 50."""
    generations = Generations(str(stopped_node.folder / "state"))
    for ttl in (30, 45):
        text = stopped_node.zones.replace("ttl: 30", f"ttl: {ttl}")
        generations.add(Generation(0, f"{ttl}", 5.0, "ann"), {"test.yaml": text.encode()})
    stopped_node.write_zones(stopped_node.zones.replace("ttl: 30", "ttl: 50"))
    return stopped_node, generations


@pytest.mark.parametrize(
    ("course", "ttl"),
    [
        (Course(), 50),
        (Course(Pin(1, "45", 5.0, "ann", "")), 30),
        (Course(None, Trial(2, 1, 1e12, "ann")), 45),
        (Course(None, Trial(2, 1, 5.0, "ann")), 30),
        (Course(Pin(9, "45", 5.0, "ann", "")), 50),
    ],
    ids=["nothing", "rolled back", "on trial", "a trial that is over", "a copy that is gone"],
)
def test_what_a_node_begins_with(pair: tuple[Node, Generations], course: Course, ttl: int) -> None:
    node, generations = pair
    generations.set_course(course)
    (zone,) = starting_plan(node.path).config.zones.values()
    assert [name.ttl for name in zone.names] == [ttl]


def test_a_copy_has_the_digest_of_what_it_was_made_of(pair: tuple[Node, Generations]) -> None:
    node, generations = pair
    shutil.copy(generations.files(2) / "test.yaml", node.folder / "zones/test.yaml")
    expected = load_plan(node.path).config.digest
    generations.set_course(Course(Pin(2, "", 5.0, "ann", "")))
    node.write_zones("sites: nonsense")
    assert starting_plan(node.path).config.digest == expected
    generations.set_course(Course())
    with pytest.raises(ConfigError):
        starting_plan(node.path)


async def test_what_was_started_is_kept_once(stopped_node: Node) -> None:
    state, digest = str(stopped_node.folder / "state"), load_plan(stopped_node.path).config.digest
    for _ in range(2):
        keeping = Keeping(state)
        await keeping.begin(stopped_node.path, digest)
        assert (keeping.number, [one.digest for one in await keeping.kept()]) == (1, [digest])
    assert (Generations(state).files(1) / "test.yaml").read_text() == stopped_node.zones


@pytest.mark.parametrize("text", ["sites: nonsense", None])
async def test_a_folder_that_is_another_by_now_is_not_kept(stopped_node: Node, text: str | None) -> None:
    stopped_node.write_zones(text or stopped_node.zones + "      more: {pool: web}\n")
    keeping = Keeping(str(stopped_node.folder / "state"))
    with pytest.raises(StateError, match="is another by now"):
        await keeping.begin(stopped_node.path, "0123")
    assert keeping.number == 0


async def test_what_cannot_be_written_is_not_decided(stopped_node: Node, tmp_path: Path) -> None:
    (tmp_path / "generations").write_text("in the way")
    keeping = Keeping(str(tmp_path))
    with pytest.raises(StateError):
        await keeping.decide(Course(Pin(1, "aa", 5.0, "ann", "")))
    assert keeping.course == Course()
