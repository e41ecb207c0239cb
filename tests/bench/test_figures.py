"""Medians, ratios, tables and plots of figures that are known."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import report
from bench.figures import Row, Spread, from_plain, measures, row, spread
from bench.guard import GUARDED, RECORDED, WORSE, too_slow
from bench.load import Burst
from bench.plot import bars
from bench.workloads import WORKLOADS


def burst(micros: float, **more: float) -> Burst:
    return Burst(1000, 0, 2.0, micros * 1000 / 1e6, {"NOERROR": 1000}, **more)  # type: ignore[arg-type]


BURSTS = {"gslb": [burst(6, p99=70.0), burst(9, p99=90.0), burst(8, p99=80.0)], "nsd": [burst(4), burst(5), burst(4)]}


def test_ratios_are_taken_round_by_round() -> None:
    assert row(WORKLOADS[0], BURSTS).ratios["nsd"] == pytest.approx(Spread(1.8, 1.5, 2.0))


def test_measures_are_medians_with_their_range() -> None:
    found = measures(BURSTS["gslb"])
    assert found["micros"] == pytest.approx(Spread(8, 6, 9))
    assert found["p99"] == Spread(80, 70, 90)
    assert found["rate"] == Spread(500, 500, 500)
    assert "p50" not in found


def test_no_rounds_are_no_figures() -> None:
    with pytest.raises(ValueError, match="empty"):
        spread([])


def test_a_row_survives_json() -> None:
    plain = json.loads(json.dumps(row(WORKLOADS[0], BURSTS).plain()))
    assert from_plain(plain) == row(WORKLOADS[0], BURSTS)
    assert plain["ratios"]["nsd"] == pytest.approx({"median": 1.8, "low": 1.5, "high": 2.0})


def test_the_report_replaces_what_it_wrote_before(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n\n{report.BEGIN}\nold\n{report.END}\n\nbehind\n")
    late = Row("latency", "latency at 10", {"gslb": measures(BURSTS["gslb"])}, {}, "a note")
    rows = [row(WORKLOADS[0], BURSTS), late]
    report.write(rows, tmp_path)
    report.write(rows, tmp_path)
    text = page.read_text()
    assert text.startswith("before\n\n")
    assert text.endswith("\n\nbehind\n")
    assert text.count("| (a) one weighted name, EDNS | nsd | 4.00 (4.00-5.00) | 1.80 (1.50-2.00) |") == 1
    assert "old" not in text
    for name in ("cost.svg", "latency.svg"):
        ElementTree.fromstring((tmp_path / "performance" / name).read_text())


def test_bars_are_as_long_as_their_figures() -> None:
    svg = ElementTree.fromstring(bars("x", [("g", {"gslb": Spread(5, 5, 5), "nsd": Spread(10, 10, 10)})]))
    widths = [float(rect.get("width", 0)) for rect in svg.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths[1] == pytest.approx(2 * widths[0])


def test_the_guard_lets_noise_pass_and_nothing_more() -> None:
    recorded = dict.fromkeys(GUARDED, 1.4)
    assert too_slow(dict.fromkeys(GUARDED, 1.4 * WORSE - 0.01), recorded) == []
    (complaint,) = too_slow({"a": 1.4 * WORSE + 0.01, "c": 1.0}, recorded)
    assert complaint.startswith("(a) costs 1.76 times NSD's CPU; recorded are 1.40")


def test_what_the_guard_compares_with_was_recorded() -> None:
    assert set(json.loads(RECORDED.read_text())) == set(GUARDED)
