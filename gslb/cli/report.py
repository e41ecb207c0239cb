"""`gslb report`: how available members, pools and sites were."""

from math import floor
from typing import Any

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import ago, show_json, show_table, when

_NAMES = {"member": ("pool", "member", "site"), "pool": ("pool",), "site": ("site",)}
_SPANS = ("24h", "7d", "30d")


@click.command()
@click.option("--by", type=click.Choice(list(_NAMES)), default="member", show_default=True, help="What to show.")
@click.option("--span", type=click.Choice(_SPANS), default="24h", show_default=True, help="How far to look back.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def report(client: Client, by: str, span: str, as_json: bool) -> int:
    """Show failures, MTBF, MTTR and availability = MTBF / (MTBF + MTTR), from what this node has recorded."""
    view = client.get("/api/v1/reports", by=by, span=span)
    if as_json:
        show_json(view)
    else:
        _show(view)
    return 0


def _show(view: dict[str, Any]) -> None:
    names = _NAMES[view["by"]]
    headers = (*names, "availability", "failures", "mtbf", "mttr", "up", "down", "unknown", "served")
    rows = [
        (*(row[name] for name in names), *_cells(row["observed"]), _share(row["effective"])) for row in view["rows"]
    ]
    if rows:
        show_table(f"{view['by']}s over the {view['span']} until {when(view['at'])}", headers, rows)
    else:
        click.echo("nothing is recorded yet")


def _cells(figures: dict[str, Any]) -> tuple[str, ...]:
    lengths = (figures[name] for name in ("mtbf", "mttr", "up", "down", "unknown"))
    return (_share(figures), str(figures["failures"]), *("-" if x is None else ago(x) for x in lengths))


def _share(figures: dict[str, Any]) -> str:
    """In percent, cut rather than rounded: 100 % means that it was never down."""
    share = figures["availability"]
    return "-" if share is None else f"{floor(share * 100_000) / 1000:.3f} %"
