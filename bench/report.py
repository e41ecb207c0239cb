"""Figures as a table for people, as Markdown, and as plots."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from bench.figures import Row
from bench.plot import bars

BEGIN = "<!-- written by make bench: begin -->"
END = "<!-- written by make bench: end -->"
_HEADINGS = (
    "workload",
    "server",
    "CPU µs per query",
    "gslb / it",
    "queries per second",
    "p50 / p99 / p99.9 µs",
    "lost",
)


def cells(row: Row) -> list[tuple[str, ...]]:
    """One line for each server."""
    lines: list[tuple[str, ...]] = []
    for server, found in row.measures.items():
        times = " / ".join(f"{found[name].median:.0f}" for name in ("p50", "p99", "p999") if name in found)
        micros = str(found["micros"]) if "micros" in found else ""
        rate = f"{found['rate'].median:,.0f}" if "rate" in found else ""
        ratio = str(row.ratios[server]) if server in row.ratios else ""
        lines.append(
            (row.title, server, micros, ratio, rate, times, f"{found['lost'].median:.0f}" if "lost" in found else "")
        )
    if row.notes:
        lines.append((row.title, row.notes, "", "", "", "", ""))
    return lines


def table(rows: Sequence[Row]) -> Table:
    """For a terminal."""
    made = Table(*_HEADINGS)
    for row in rows:
        for line in cells(row):
            made.add_row(*line)
        made.add_section()
    return made


def markdown(rows: Sequence[Row]) -> str:
    """The same for a page: medians, with minimum and maximum in brackets."""
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|" + "---|" * len(_HEADINGS)]
    lines += ["| " + " | ".join(line) + " |" for row in rows for line in cells(row)]
    return "\n".join(lines)


def write(rows: Sequence[Row], docs: Path) -> None:
    """Put table and plots into docs/performance.md, between its marks."""
    pictures = docs / "performance"
    pictures.mkdir(exist_ok=True)
    costs = [(row.title, {name: found["micros"] for name, found in row.measures.items()}) for row in rows if row.ratios]
    plots = []
    if costs:
        (pictures / "cost.svg").write_text(bars("CPU microseconds per answered query", costs))
        plots.append("![CPU per query](performance/cost.svg)")
    delays = [
        (row.title, {name: found["p99"] for name, found in row.measures.items() if "p99" in found}) for row in rows
    ]
    delays = [(title, found) for title, found in delays if found and title.startswith("latency")]
    if delays:
        (pictures / "latency.svg").write_text(bars("p99 in microseconds", delays))
        plots.append("![p99](performance/latency.svg)")
    page = docs / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, behind = rest.partition(END)
    page.write_text("\n\n".join([before + BEGIN, markdown(rows), *plots, END + behind]))
