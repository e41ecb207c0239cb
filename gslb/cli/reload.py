"""`gslb reload`: take the zones folder into service, for good or on trial."""

from typing import Any

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import show_json, when

WAIT = 90.0  # seconds; new targets have their first round of probes, and workers load the table


@click.command()
@click.option("--reason", default="", help="Why; for the record.")
@click.option(
    "--confirm", metavar="TIME", help="On trial: comes back by itself unless confirmed within TIME, such as 5m."
)
@click.option("--confirmed", is_flag=True, help="What is on trial stays. Loads nothing.")
@click.option("--force", is_flag=True, help="Although a zone goes, or more than 30 % of the names.")
@click.option("--digest", default="", help="Only if the zones folder has this digest (`gslb check --json`).")
@click.option("--check", "dry_run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def reload(client: Client, confirmed: bool, dry_run: bool, as_json: bool, **wanted: Any) -> int:
    """Load the node file and the zones folder anew, all or nothing; a problem anywhere leaves all as it is.

    For example: gslb reload --confirm 5m, look, gslb reload --confirmed. Without the second, what was served before is
    back after five minutes, also when the node was restarted meanwhile. `gslb rollback` brings it back at once.
    """
    if confirmed and (dry_run or any(wanted.values())):
        raise click.UsageError("--confirmed stands alone")
    if confirmed:
        view = client.call("POST", "/api/v1/config:confirm")
    else:
        body = {key: value for key, value in wanted.items() if value}
        view = client.call("POST", f"/api/v1/config:reload{'?dry_run=true' if dry_run else ''}", body, WAIT)
    if as_json:
        show_json(view)
    elif confirmed:
        click.echo(f"confirmed: {view['digest']}")
    else:
        tell(view, "would change" if dry_run else "serves")
    return 0 if dry_run or view.get("acknowledged", True) else late()


def tell(view: dict[str, Any], verb: str) -> None:
    """What became of a reload or a rollback."""
    changes = view["changes"]
    for what in ("zones", "names"):
        for how in ("added", "removed", "changed"):
            if changes[what][how]:
                click.echo(f"{what} {how}: {len(changes[what][how])}")
    if verb == "would change":
        click.echo("nothing was changed")
        return
    click.echo(f"{verb} {view['digest']}: {view['zones']} zones, {view['names']} names")
    if view["trial"]:
        click.echo(f"on trial until {when(view['trial']['until'])}; to keep it: gslb reload --confirmed")


def late() -> int:
    """The exit code where a worker still answers from what was before."""
    click.echo("gslb: accepted, but not every worker has taken it over yet; see `gslb status`", err=True)
    return 1
