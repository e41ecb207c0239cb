import pytest

from gslb.config.document import (
    MAX_DEPTH,
    Builder,
    Document,
    Findings,
    MarkedList,
    MarkedMap,
    dotted,
    place,
    suggestion,
)
from gslb.errors import ConfigError, Problem

AT = (7, 3)


def plain(text: str) -> tuple[object, list[Problem]]:
    builder = Builder("f")
    builder.scalar(text, AT, plain=True)
    return builder.value, builder.problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("5", 5),
        ("-5", -5),
        ("0", 0),
        ("0.5", 0.5),
        ("-1.25", -1.25),
        ("tokyo", "tokyo"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("5s", "5s"),
        ("2024-01-01", "2024-01-01"),
        ("-", "-"),
        ("/path", "/path"),
        ("1२", "1२"),
    ],
)
def test_plain_scalars_are_what_they_look_like(text: str, value: object) -> None:
    assert plain(text) == (value, [])


@pytest.mark.parametrize("text", ["no", "No", "NO", "yes", "on", "Off"])
def test_a_switch_without_quotes_is_a_trap(text: str) -> None:
    _, [problem] = plain(text)
    assert problem.where == "f:7:3"
    assert "is read as a switch" in problem.message
    assert f'"{text}"' in problem.hint


@pytest.mark.parametrize("text", ["1:30", "20:30:40", "1:30.5", "-1:30"])
def test_base_60_is_a_trap(text: str) -> None:
    assert "base 60" in plain(text)[1][0].message


@pytest.mark.parametrize("text", ["010", "0x1F", "0b1", "1_000", "+5", ".5", "5.", ".inf", ".nan", "9" * 25])
def test_numbers_that_are_not_plain_are_traps(text: str) -> None:
    assert "not a plain decimal number" in plain(text)[1][0].message


def test_quotes_make_text_of_everything() -> None:
    builder = Builder("f")
    builder.scalar("no", AT, plain=False)
    assert (builder.value, builder.problems) == ("no", [])


def mapping(builder: Builder, *entries: tuple[str, str], plain: bool = False) -> None:
    builder.open(MarkedMap(), (1, 1))
    for line, (key, value) in enumerate(entries, 1):
        builder.scalar(key, (line, 1), plain=plain)
        builder.scalar(value, (line, 5), plain=plain)
    builder.close()


def test_a_key_twice_names_both_places_and_keeps_the_first() -> None:
    builder = Builder("f")
    mapping(builder, ("a", "1"), ("b", "2"), ("a", "3"))
    assert builder.value == {"a": "1", "b": "2"}
    assert [str(problem) for problem in builder.problems] == ["f:3:1: a: is defined twice (the first is at f:1:1)"]


@pytest.mark.parametrize("key", ["no", "on", "true", "null", ""])
def test_a_key_that_is_not_read_as_text_is_a_trap(key: str) -> None:
    builder = Builder("f")
    mapping(builder, (key, "x"), plain=True)
    assert "is not read as text" in builder.problems[0].message


def test_a_number_is_text_as_a_key() -> None:
    builder = Builder("f")
    mapping(builder, ("10", "x"), plain=True)
    assert builder.value == {"10": "x"}
    assert not builder.problems


def test_the_merge_key_is_refused() -> None:
    builder = Builder("f")
    mapping(builder, ("<<", "x"), plain=True)
    assert "merge key" in builder.problems[0].message


def test_a_collection_as_key_is_refused() -> None:
    builder = Builder("f")
    builder.open(MarkedMap(), (1, 1))
    builder.open(MarkedList(), (1, 3))
    builder.close()
    builder.close()
    assert "a key must be text" in builder.problems[0].message


def test_depth_is_bounded() -> None:
    builder = Builder("f")
    for _ in range(MAX_DEPTH):
        builder.open(MarkedList(), (1, 1))
    with pytest.raises(ConfigError, match="nested more than"):
        builder.open(MarkedList(), (1, 99))


def example() -> Document:
    """pools:⏎ web: [a, b]⏎ at: x"""
    builder = Builder("f")
    builder.open(MarkedMap(), (1, 1))
    builder.scalar("pools", (1, 1), plain=True)
    builder.open(MarkedMap(), (2, 2))
    builder.scalar("web", (2, 2), plain=True)
    builder.open(MarkedList(), (2, 7))
    builder.scalar("a", (2, 8), plain=True)
    builder.scalar("no", (2, 11), plain=True)
    builder.close()
    builder.scalar("at", (3, 2), plain=True)
    builder.scalar("x", (3, 6), plain=True)
    builder.close()
    builder.close()
    assert builder.problems[0].path == "pools.web.1"
    return Document("f", builder.value)


def test_places_of_entries() -> None:
    document = example()
    assert document.find(()) == (0, (1, 1))
    assert document.find(("pools", "web")) == (2, (2, 2)), "the key of a collection"
    assert document.find(("pools", "at")) == (2, (3, 6)), "the value of a scalar"
    assert document.find(("pools", "at"), key=True) == (2, (3, 2))
    assert document.find(("pools", "web", 1)) == (3, (2, 11))


def test_the_place_of_what_is_missing_is_the_nearest_around() -> None:
    document = example()
    assert document.find(("pools", "wb")) == (1, (1, 1))
    assert document.find(("pools", "web", 9)) == (2, (2, 2))
    assert document.find(("pools", "at", "deeper")) == (2, (3, 6))


def test_findings_look_into_the_document_that_has_most_of_the_path() -> None:
    findings = Findings([Document("other", {}), example()])
    assert findings.where(("pools", "at")) == "f:3:6"
    assert findings.document(("pools",)).file == "f"


def test_a_trap_hides_what_it_causes() -> None:
    findings = Findings([example()], trapped={"f:3:6"})
    findings.problem(("pools", "at"), "is wrong")
    findings.problem(("pools", "web", 0), "is wrong too")
    assert [problem.where for problem in findings.problems] == ["f:2:8"]


def test_problems_are_raised_in_the_order_of_lines_each_once() -> None:
    findings = Findings()
    findings.raise_problems()
    for line in (10, 9, 9):
        findings.problems.append(Problem(place("f", (line, 1)), "", "x"))
    with pytest.raises(ConfigError) as caught:
        findings.raise_problems()
    assert [problem.where for problem in caught.value.problems] == ["f:9:1", "f:10:1"]


def test_warnings_are_kept_apart() -> None:
    findings = Findings([example()])
    findings.about(example()).warn(("pools",), "is odd", "look")
    assert [str(warning) for warning in findings.warnings] == ["f:1:1: pools: is odd (look)"]
    assert not findings.problems


def test_paths_are_dotted() -> None:
    assert dotted(("pools", "web", 0)) == "pools.web.0"


def test_suggestions() -> None:
    assert suggestion("wieght", ["weight", "site"]) == "did you mean weight?"
    assert suggestion("zzz", ["weight", "site"]) == "known: site, weight"
    assert suggestion("zzz", []) == ""
    assert suggestion("zzz", map(str, range(20))) == ""
