"""The picture and the tables of the lab, of made-up outcomes."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from deploy.lab.outcome import Outcome, Part, Run, from_plain, merged
from deploy.lab.plot import timeline
from deploy.lab.report import between, of_soak, of_test, totals, write_test

SVG = "{http://www.w3.org/2000/svg}"
COUNTS = {
    "requests": 80,
    "failures": 6,
    "terms": 1,
    "promotions": 1,
    "expected": 1,
    "primaries": 1,
    "values": 90,
    "values missing": 2,
    "writes": 300,
    "writes missing": 0,
}
CUT = Outcome(
    "site-cut",
    "Tokyo <cut off> & alive",
    "fast",
    [Part("detection", 2.5, 6.6), Part("promotion", 0.5), Part("last failed request", 9.26, 25.0)],
    COUNTS,
    {"promise": 25.0, "mended": 40.0, "detection": 2.5},
    {
        "user": [Run(-3, 0.2, "tokyo"), Run(0.2, 9.3, "failed"), Run(9.3, 60, "osaka")],
        "primary": [Run(-20, 0.4, "tokyo"), Run(0.4, 8, "nobody"), Run(8, 60, "osaka")],
        "osaka's answers: tokyo": [Run(-3, 2.5, "tokyo"), Run(55.5, 55.5, "tokyo")],
    },
    ["value 7, taken by tokyo's server 0.4 s before the event, and not written before it died"],
    seconds=90.0,
)
LATE = CUT._replace(
    parts=[Part("detection", 7.0, 6.6), Part("last failed request", 12.0, 25.0)],
    counts={**COUNTS, "promotions": 2},
    faults=["detection: 7.0 s, promised 6.6", "1 terms and 2 timelines of the database were begun, 1 expected"],
)
FRONT = Outcome(
    "front-end",
    "front end of Tokyo stopped",
    "fast",
    [Part("detection", 1.5, 3.6), Part("last failed request", 4.0, 12.6)],
    {**COUNTS, "terms": 0, "promotions": 0, "expected": 0, "values missing": 0},
    {"promise": 12.6, "mended": 16.6, "detection": 1.5},
    {"user": [Run(-3, 0, "tokyo"), Run(0, 4, "failed"), Run(4, 30, "osaka")]},
    seconds=50.0,
)
FELL = Outcome("drain", "Tokyo drained", "fast", faults=["it did not come to its end: no answer"], seconds=30.0)


def drawn(*outcomes: Outcome) -> ElementTree.Element:
    return ElementTree.fromstring(timeline(outcomes))


def bars(root: ElementTree.Element, lane: str) -> list[tuple[float, float, str]]:
    """Left edge, width and tooltip of what is in a lane."""
    found = []
    for rect in root.iter(f"{SVG}rect"):
        title = rect.findtext(f"{SVG}title")
        if title and title.startswith(f"{lane}: "):
            found.append((float(rect.attrib["x"]), float(rect.attrib["width"]), title))
    return found


def test_a_lane_shows_who_served_when() -> None:
    user = bars(drawn(CUT), "user")
    assert [title for _, _, title in user] == [
        "user: tokyo, -3.0 to 0.2 s",
        "user: failed, 0.2 to 9.3 s",
        "user: osaka, 9.3 to 60.0 s",
    ]
    widths = [width for _, width, _ in user]
    assert widths[2] / widths[1] == pytest.approx((60 - 9.3) / (9.3 - 0.2), rel=0.02)
    assert user[1][0] == pytest.approx(user[0][0] + widths[0], abs=0.2)


def test_what_was_long_before_the_event_is_cut_off_and_what_was_there_once_is_seen() -> None:
    root = drawn(CUT)
    assert bars(root, "primary")[0][0] == 150
    assert bars(root, "osaka's answers: tokyo")[1][1] >= 1


def test_all_scenarios_have_one_scale_and_their_own_marks() -> None:
    root = drawn(CUT, FRONT)
    failed = [bar for bar in bars(root, "user") if "failed" in bar[2]]
    assert failed[0][1] / failed[1][1] == pytest.approx(9.1 / 4, rel=0.02)
    titles = [path.findtext(f"{SVG}title") for path in root.iter(f"{SVG}path")]
    marks = [title for title in titles if title]
    assert marks == [
        "event: 0.0 s",
        "promise: 25.0 s",
        "mended: 40.0 s",
        "detection: 2.5 s",
        "event: 0.0 s",
        "promise: 12.6 s",
        "mended: 16.6 s",
        "detection: 1.5 s",
    ]


def test_nothing_stands_outside_of_the_picture() -> None:
    root = drawn(CUT, FRONT)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for rect in root.iter(f"{SVG}rect"):
        assert 0 <= float(rect.attrib["x"]) <= float(rect.attrib["x"]) + float(rect.attrib["width"]) <= width
        assert float(rect.attrib["y"]) + float(rect.attrib["height"]) <= height
    for text in root.iter(f"{SVG}text"):
        assert float(text.attrib["y"]) <= height


def test_it_is_inert_and_reads_on_light_and_dark_pages() -> None:
    text = timeline([CUT])
    assert "script" not in text
    assert "href" not in text
    assert set(re.findall(r'<text[^>]*fill="(#\w+)"', text)) == {"#7d8590"}
    assert "Tokyo &lt;cut off&gt; &amp; alive" in text


def test_a_scenario_without_lanes_has_no_panel() -> None:
    assert timeline([FRONT, FELL]) == timeline([FRONT])
    assert bars(drawn(FELL), "user") == []


def test_an_outcome_survives_json() -> None:
    assert from_plain(json.loads(json.dumps(LATE.plain()))) == LATE


def test_pieces_that_follow_each_other_are_one_run() -> None:
    pieces = [
        Run(0, 0.3, "tokyo"),
        Run(0.8, 1.0, "tokyo"),
        Run(1.5, 2, "osaka"),
        Run(2.5, 3, "tokyo"),
        Run(9, 9, "tokyo"),
    ]
    assert merged(pieces, 1.0) == [Run(0, 1.0, "tokyo"), Run(1.5, 2, "osaka"), Run(2.5, 3, "tokyo"), Run(9, 9, "tokyo")]


def test_runs_of_different_things_do_not_overlap() -> None:
    assert merged([Run(0, 9, "waited"), Run(7, 9, "osaka"), Run(8, 10, "osaka")], 1.0) == [
        Run(0, 9, "waited"),
        Run(9, 10, "osaka"),
    ]


def test_the_table_has_each_time_beside_its_bound() -> None:
    text = of_test([CUT, FRONT], "timeline.svg")
    assert "| scenario | detection | promotion | last failed request | requests that failed |" in text
    assert "| site-cut: Tokyo <cut off> & alive | 2.5 ≤ 6.6 | 0.5 | 9.3 ≤ 25.0 | 6 of 80 |" in text
    assert "| front-end: front end of Tokyo stopped | 1.5 ≤ 3.6 |  | 4.0 ≤ 12.6 | 6 of 80 |" in text
    assert "1 of 1 times exactly one promotion" in text
    assert "2 missing" in text
    assert "- site-cut: value 7, taken by" in text
    assert "![Who served whom](timeline.svg)" in text


def test_what_is_broken_stands_out() -> None:
    text = of_test([LATE, FELL], "timeline.svg")
    assert "| **7.0** ≤ 6.6 |" in text
    assert "0 of 1 times exactly one promotion" in text
    assert "- **drain: it did not come to its end: no answer**" in text
    assert "3 promises broken" in text


def test_rounds_are_summed_up() -> None:
    text = of_soak([CUT, FRONT, CUT._replace(parts=[Part("detection", 4.5, 6.6)]), LATE, FELL])
    assert "| site-cut | 2 of 3 | 2.5 / 4.5 / 7.0 ≤ 6.6 | 0.5 / 0.5 / 0.5 |" in text
    assert "| drain | 0 of 1 |" in text
    assert "2 of 3 times exactly one promotion; it did not: none in 1 of 1" in text
    assert "- site-cut: 3 missing, as value 7, taken by tokyo's server 0.4 s before" in text
    assert "- **drain: it did not come to its end: no answer**" in text


def test_promotions_that_nobody_expected_are_told() -> None:
    stray = FRONT._replace(counts={**FRONT.counts, "promotions": 1, "terms": 1})
    assert "none in 0 of 1" in totals([stray])


def test_a_page_gets_what_is_between_its_marks(tmp_path: Path) -> None:
    page, picture = tmp_path / "README.md", tmp_path / "timeline.svg"
    page.write_text(
        "above\n<!-- written by make lab-test: begin -->\nold\n<!-- written by make lab-test: end -->\nbelow\n"
    )
    for _ in range(2):
        write_test([CUT], page, picture)
    text = page.read_text()
    assert text.startswith("above\n<!--")
    assert text.endswith("-->\nbelow\n")
    assert text.count("| scenario |") == 1
    assert "old" not in text
    assert picture.read_text() == timeline([CUT])


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="make lab-test: begin"):
        between("nothing here", "make lab-test", "text")
