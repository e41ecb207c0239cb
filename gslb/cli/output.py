"""What verbs print: JSON for programs, tables for people (by rich on a terminal, plain columns in a pipe)."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import click

_COLOURS = {"up": "green", "down": "red", "unknown": "yellow"}
_LONG = {
    "reason",
    "cause",
    "why",
    "wrong",
    "votes",
    "addresses",
    "members",
    "pools",
    "until",
    "time",
    "then",
    "of which",
}
_SHORT = 10  # characters that a long column has at least
_LOOKS = {"": "", "heading": "bold", "good": "bold green", "bad": "bold red", "odd": "yellow"}


def show_json(value: Any) -> None:
    """Print one JSON document, stable in order, readable by people too."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table under its title."""
    if sys.stdout.isatty():
        _show_rich(title, headers, rows)
        return
    click.echo(title)
    for line in columns([headers, *rows]):
        click.echo(f"  {line}")


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def count(number: int, noun: str) -> str:
    """A number and its noun: 1 zone, 2 zones."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def when(epoch: float | None) -> str:
    """A time in UTC, to the second; empty where there is none."""
    return "" if epoch is None else datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def ago(seconds: float) -> str:
    """A length of time in its largest unit, as people say it: 42s, 7m, 3h, 2d."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


def lasting(seconds: float) -> str:
    """A length of time to its second largest unit: 42s, 7m05s, 3h20m, 2d04h; nothing is less than 0s."""
    whole = max(int(seconds), 0)
    for (large, size), (small, part) in pairwise((("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))):
        if whole >= size:
            return f"{whole // size}{large}{whole % size // part:02}{small}"
    return f"{whole}s"


def clock(epoch: float) -> str:
    """A time of the day in UTC: 03:04:05Z."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%H:%M:%SZ")


def address_text(address: Mapping[str, Any]) -> str:
    """An address of a member, with the one that is probed for it where that is another."""
    where = address["checked"]
    return address["address"] if where == address["address"] else f"{address['address']} (checked at {where})"


def remaining_lines(remains: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is left of each pool, as the API tells it in `remains` and `short`."""
    for one in remains:
        left, live = one["left"], one["live"]
        names = ", ".join(left) or "nothing"
        load = "" if one["capacity"] is None else f", capacity {one['capacity']:g} for a load of {one['load']:g}"
        yield f"  pool {one['pool']}: {len(left)} of {len(live)} live, {names}; needs {one['needed']}{load}"


@contextmanager
def progress_bars() -> Iterator[Callable[[Sequence[tuple[str, int, str]]], None]]:
    """Bars on the terminal; what comes out is called with (name, percent, text) of each."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    parts = (TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*parts, auto_refresh=False) as progress:
        tasks: dict[str, Any] = {}

        def update(rows: Sequence[tuple[str, int, str]]) -> None:
            for name, percent, text in rows:
                if name not in tasks:
                    tasks[name] = progress.add_task(name, total=100, text="")
                progress.update(tasks[name], completed=percent, text=text)
            progress.refresh()

        yield update


@contextmanager
def live_screen() -> Iterator[tuple[Callable[[Sequence[tuple[str, str]]], None], Callable[[], tuple[int, int]]]]:
    """The whole terminal, as it was afterwards: what shows lines with their look, and what tells width and height."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(lines: Sequence[tuple[str, str]]) -> None:
            text = Text("\n", no_wrap=True).join(Text(line, style=_LOOKS[look]) for line, look in lines)
            live.update(text, refresh=True)

        yield show, lambda: (console.size.width, console.size.height)


def _show_rich(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Where the terminal is narrow, what is long is broken into lines; nothing is left out."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    widths = {header: max(map(len, column)) for header, *column in zip(headers, *rows, strict=True)} if rows else {}
    least = sum((min(width, _SHORT) if header in _LONG else width) + 2 for header, width in widths.items())
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for header in headers:
        whole = header not in _LONG and least <= console.width
        table.add_column(header, header_style="dim", no_wrap=whole, min_width=None if whole else 4, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    console.print(table)
