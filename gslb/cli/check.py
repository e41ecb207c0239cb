"""`gslb check`: is this configuration right, and how fast does each name fail over?"""

from typing import TYPE_CHECKING

import click

from gslb.cli.client import find_config
from gslb.cli.output import count, show_json, show_table
from gslb.errors import ConfigError

if TYPE_CHECKING:
    from gslb.config.check import NameRow
    from gslb.config.model import Config


@click.command()
@click.option("--config", metavar="FILE", help="Node file; default as for the other verbs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(config: str | None, as_json: bool) -> int:
    """Check the node file and its zones folder; every problem is printed at once.

    A good configuration prints its names: policy, TTL, the worst-case failover time, TTL included, what it consists
    of, and the `rto` that the name declares. Exit code 1 where there is a problem.
    """
    from gslb.config.load import load
    from gslb.probe import KINDS

    try:
        loaded = load(find_config(config), KINDS)
    except ConfigError as error:
        _show_problems(error, as_json)
        return error.exit_code
    _show_good(loaded, as_json)
    return 0


def _show_problems(error: ConfigError, as_json: bool) -> None:
    if as_json:
        show_json({"ok": False, "problems": [problem._asdict() for problem in error.problems]})
        return
    for problem in error.problems:
        click.echo(str(problem))
    click.echo(f"{count(len(error.problems), 'problem')}; nothing was applied", err=True)


def _show_good(config: "Config", as_json: bool) -> None:
    from gslb.config.check import table, warnings

    rows, notes = table(config), warnings(config)
    if as_json:
        names = [row._asdict() for row in rows]
        show_json({"ok": True, "digest": config.digest, "names": names, "warnings": [note._asdict() for note in notes]})
        return
    for note in notes:
        click.echo(f"warning: {note}", err=True)
    headers = ("name", "policy", "TTL", "failover within", "of which", "rto")
    cells = [
        (row.name, row.policy, _ttl(row), _seconds(row.recovery, "not probed"), row.parts, _seconds(row.rto))
        for row in rows
    ]
    show_table(f"{count(len(rows), 'dynamic name')} in {count(len(config.zones), 'zone')}", headers, cells)


def _seconds(value: float | None, without: str = "") -> str:
    return without if value is None else f"{value:g} s"


def _ttl(row: "NameRow") -> str:
    return f"{row.ttl} s" if row.ttl_min is None else f"{row.ttl_min} to {row.ttl} s"
