import pytest

from gslb.config.model import Pool
from gslb.config.requires import closure
from tests.config.conftest import Folder

TOKYO = "members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}"
BOTH = "members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}, osaka: {site: osaka, addresses: [192.0.2.2]}}"


def pools(**texts: str) -> str:
    return "\n".join(f"{name}: {{{text}}}" for name, text in texts.items())


def test_a_pool_that_is_required_is_used(folder: Folder) -> None:
    config = folder.load(pools=pools(web=f"requires: db, {TOKYO}", db=f"requires: [disk], {TOKYO}", disk=TOKYO))
    assert config.pools["web"].requires == ("db",)
    assert config.warnings == folder.load().warnings


def test_a_pool_that_only_an_unused_one_requires_is_unused(folder: Folder) -> None:
    found = folder.messages(pools=pools(web=TOKYO, old=f"requires: [db], {TOKYO}", db=TOKYO))
    assert [line.split(":")[0] for line in found] == ["pools.old", "pools.db"]


@pytest.mark.parametrize(
    ("requires", "fault"),
    [
        ("[dbs]", "pools.web.requires.0: there is no pool 'dbs' (did you mean db?)"),
        ("[db, db]", "pools.web.requires.1: pool 'db' stands twice in the list"),
        ("[one]", "pools.web.requires.0: pool 'one' is exclusive: one member of it is up"),
    ],
)
def test_pools_that_cannot_be_required(folder: Folder, requires: str, fault: str) -> None:
    text = pools(web=f"requires: {requires}, {BOTH}", db=BOTH, one=f"exclusive: true, {BOTH}")
    assert any(line.startswith(fault) for line in folder.messages(pools=text))


def test_a_circle_is_named(folder: Folder) -> None:
    text = pools(
        web=f"requires: [a], {TOKYO}",
        a=f"requires: [b], {TOKYO}",
        b=f"requires: [c], {TOKYO}",
        c=f"requires: [a], {TOKYO}",
        own=f"requires: [own], {TOKYO}",
    )
    found = {line.split(": ", 1)[1] for line in folder.messages(pools=text)}
    circle = {f"pools require each other: {way}" for way in ("a > b > c > a", "b > c > a > b", "c > a > b > c")}
    assert "pools require each other: own > own" in found
    assert len(found) == 2
    assert found & circle


def test_a_site_without_what_is_required_is_a_warning(folder: Folder) -> None:
    text = pools(web=f"requires: [db], {BOTH}", db=TOKYO)
    assert folder.warnings(pools=text)[-1:] == ["pools.web.requires.0: pool 'db' has no member at site 'osaka'"]


def test_closure_follows_everything_once() -> None:
    graph = {"a": ("b", "c"), "b": ("c", "a"), "c": ("gone",), "d": ()}
    assert closure({name: Pool(name, (), requires=others) for name, others in graph.items()}, ["a"]) == {"a", "b", "c"}
