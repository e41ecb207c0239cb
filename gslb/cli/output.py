"""What verbs print: JSON for programs, tables for people (by rich on a terminal, plain columns in a pipe)."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

_COLOURS = {"up": "green", "down": "red", "unknown": "yellow"}


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


def _show_rich(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headers, title=title, title_justify="left", box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    Console().print(table)
