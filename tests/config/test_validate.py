import pytest
from pydantic import Field

from gslb.config.document import Document, Findings, MarkedMap
from gslb.config.schema import MonitorSetShape, PoolShape, Shape
from gslb.config.validate import validate


class Inner(Shape):
    weight: int = Field(default=0, ge=0)
    ratio: float = Field(default=0.5, gt=0)


class Outer(Shape):
    text: str = Field(default="x", min_length=1, max_length=3)
    flag: bool = False
    items: list[int] = Field(default=[], max_length=1)
    inner: dict[str, Inner] = Field(default={})
    json_: dict[str, int] = Field(default={}, alias="json")


def faults(value: object, shape: type[Shape] = Outer) -> list[str]:
    findings = Findings([Document("f", MarkedMap())])
    assert validate(shape, value, ("at",), findings) is None
    return [
        f"{problem.path}: {problem.message}" + (f" ({problem.hint})" if problem.hint else "")
        for problem in findings.problems
    ]


def test_what_fits_is_returned() -> None:
    findings = Findings()
    found = validate(Outer, {"text": "ab", "json": {"a": 1}, "inner": {"x": {"ratio": 1}}}, (), findings)
    assert found is not None
    assert (found.text, found.json_, found.inner["x"].ratio) == ("ab", {"a": 1}, 1.0)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (["x"], "at: must be a mapping (got a list)"),
        (None, "at: must be a mapping (got nothing)"),
        ({"text": 5}, "at.text: must be text (got 5) (write it in quotes)"),
        ({"text": None}, "at.text: must be text (got nothing)"),
        ({"text": ""}, "at.text: must not be empty (got '')"),
        ({"text": "four"}, "at.text: must be at most 3 characters long (got 'four')"),
        ({"flag": "true"}, "at.flag: must be true or false (got 'true')"),
        ({"items": {}}, "at.items: must be a list (got a mapping)"),
        ({"items": [1, 2]}, "at.items: must have at most 1 entries (got a list)"),
        ({"items": [1.5]}, "at.items.0: must be a whole number (got 1.5)"),
        ({"items": [True]}, "at.items.0: must be a whole number (got true)"),
        ({"inner": {"a": {"weight": -1}}}, "at.inner.a.weight: must be at least 0 (got -1)"),
        ({"inner": {"a": {"ratio": 0}}}, "at.inner.a.ratio: must be more than 0 (got 0)"),
        ({"inner": {"a": {"ratio": "1"}}}, "at.inner.a.ratio: must be a number (got '1')"),
    ],
)
def test_each_fault_in_our_words(value: object, fault: str) -> None:
    assert faults(value) == [fault]


def test_every_fault_at_once() -> None:
    assert len(faults({"text": 5, "flag": 1, "items": [None, None]})) >= 3


def test_misspelt_keys_have_a_suggestion_from_their_own_shape() -> None:
    assert faults({"txt": 1}) == ["at.txt: is not a known key (did you mean text?)"]
    assert faults({"jsn": 1}) == ["at.jsn: is not a known key (did you mean json?)"]
    assert faults({"inner": {"a": {"wieght": 1}}}) == ["at.inner.a.wieght: is not a known key (did you mean weight?)"]


def test_missing_keys() -> None:
    assert faults({}, PoolShape) == ["at.members: is required"]


def test_choices_are_listed() -> None:
    [fault] = faults({"policy": "random", "members": {"a": {"site": "s", "addresses": "192.0.2.1"}}}, PoolShape)
    assert fault == "at.policy: must be weighted, failover, all, hash, nearest or capacity (got 'random')"


def test_keys_below_a_value_that_is_not_a_mapping_have_no_suggestion() -> None:
    assert "known: all, any, at_least, of" in faults({"monitors": {"nonsense": 1}, "members": {}}, PoolShape)[0]
    assert faults({"nonsense": 1}, MonitorSetShape)


def test_a_fault_that_has_no_words_of_ours_keeps_pydantics() -> None:
    class Odd(Shape):
        value: complex

    assert faults({"value": "x"}, Odd)[0].startswith("at.value: Input should be")
