import pytest

from gslb.config.content import A, Content, Reporter
from gslb.config.document import Findings
from gslb.config.model import DynamicName, Record, Zone
from gslb.dns.name import from_text

APEX = from_text("example.com.")


def name(text: str) -> bytes:
    return from_text(text, APEX)


def content() -> Content:
    """a.b has an address; *.w is dynamic; sub and deeper.sub are delegated; child is a zone of its own."""
    records = [Record(name("a.b"), A, 60, b"\0" * 4, "f:1"), Record(name("c.org."), A, 60, b"\0" * 4, "f:2")]
    records += [Record(name(owner), 2, 60, b"\0", "f:3") for owner in ("@", "sub", "deeper.sub")]
    child = Zone(name("child"), (), ())
    zone = Zone(APEX, tuple(records), (DynamicName(name("*.w"), 60, (), "f:4"),))
    return Content(zone, {APEX: zone, child.apex: child}, "f:9:1", "zones.example.com")


def test_what_is_where() -> None:
    found = content()
    assert set(found.owned) == {name("a.b"), APEX, name("sub"), name("deeper.sub")}
    assert [record.where for record in found.outside] == ["f:2"]
    assert found.cuts == {name("sub"), name("deeper.sub"), name("child")}


@pytest.mark.parametrize(
    ("owner", "cut"), [("a.b", None), ("sub", None), ("x.deeper.sub", "sub"), ("x.child", "child"), ("@", None)]
)
def test_the_highest_cut_above(owner: str, cut: str | None) -> None:
    assert content().cut_above(name(owner)) == (name(cut) if cut else None)


@pytest.mark.parametrize(
    ("asked", "source"),
    [
        ("a.b", "a.b"),
        ("b", None),
        ("x", None),
        ("x.w", "*.w"),
        ("y.x.w", "*.w"),
        ("*.w", "*.w"),
        ("w", None),
        ("x.a.b", None),
    ],
)
def test_which_owner_answers(asked: str, source: str | None) -> None:
    assert content().source(name(asked)) == (name(source) if source else None)


def test_addresses_are_static_or_dynamic() -> None:
    found = content()
    assert [found.has_address(name(owner)) for owner in ("a.b", "*.w", "sub", "none")] == [True, True, False, False]


def test_reports_name_the_place() -> None:
    findings = Findings()
    report = Reporter(content(), findings)
    record = Record(APEX, A, 60, b"", "f:1")
    report.problem(record, "is wrong", "mend it")
    report.problem(content(), "is wrong as a whole")
    report.warn(record, "is odd")
    assert [str(problem) for problem in findings.problems] == [
        "f:1: zones.example.com: is wrong (mend it)",
        "f:9:1: zones.example.com: is wrong as a whole",
    ]
    assert [str(warning) for warning in findings.warnings] == ["f:1: zones.example.com: is odd"]
