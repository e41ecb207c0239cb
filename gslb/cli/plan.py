"""`gslb plan`: what would this zones folder do?"""

import re
from collections.abc import Iterator
from typing import Any

import click

from gslb.cli.client import client_options, connect_by, find_config
from gslb.cli.output import count, show_json, show_table
from gslb.errors import ConfigError, GslbError, Problem, RequestError

Json = dict[str, Any]

WAIT = 120.0  # seconds; a plan for 100,000 names takes a while
_SHOWN = 20  # names
_PROBLEM = re.compile(r"(.+?:\d+:\d+): (.*)")


@click.command()
@click.option("--zones", required=True, metavar="DIR", help="The zones folder to try.")
@click.option("--against", metavar="DIR", help="Compare with this folder, and ask no node; everything counts as up.")
@click.option("--fail-on", metavar="PERCENT", type=click.FloatRange(0, 100), help="Say no where a name moves more.")
@click.option("--force", is_flag=True, help="What it takes away is meant to go.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@client_options
def plan(zones: str, against: str | None, fail_on: float | None, force: bool, as_json: bool, **where: Any) -> int:
    """Compare the zones folder DIR with what a running node serves, at its present health; nothing changes.

    Shows zones and names that come, go and change, the clients that are moved, the share of each site before and after,
    sites that would be overloaded, and failover times that change. The clients are 10,000, always the same ones: half
    from the networks that rules and location databases tell apart, half from all public addresses.

    Exit code 1 where the folder has problems, a reload would refuse it, a name moves more than --fail-on, a pool would
    have no live member or a site be overloaded. For CI: gslb plan --zones zones --against main/zones --fail-on 30
    """
    try:
        found = _compared(zones, against, where)
    except ConfigError as error:
        return _show_problems(zones, error, as_json)
    faults = list(_faults(found, fail_on, force))
    if as_json:
        show_json({"ok": not faults, "faults": faults, **found})
    else:
        _show(found)
        for fault in faults:
            click.echo(f"no: {fault}", err=True)
    return 1 if faults else 0


def _compared(zones: str, against: str | None, where: dict[str, Any]) -> Json:
    from gslb.control.proposals import plan_folders, read_folder

    if against is not None:
        return plan_folders(find_config(where["config"]), against, zones)
    client, files = connect_by(where), read_folder(zones)
    try:
        found: Json = client.call("POST", "/api/v1/config:plan", {"files": files}, WAIT)
    except RequestError as error:
        raise ConfigError(_problems(error.message)) if _PROBLEM.match(error.message) else error from None
    return found


def _problems(message: str) -> Iterator[Problem]:
    """What the node wrote in lines, as it was found."""
    for line in message.splitlines():
        found = _PROBLEM.match(line)
        where, what = found.groups() if found else ("", line)
        yield Problem(where, "", what)


def _show_problems(zones: str, error: ConfigError, as_json: bool) -> int:
    if as_json:
        show_json({"ok": False, "problems": [problem._asdict() for problem in error.problems]})
    else:
        for problem in error.problems:
            click.echo(f"{zones}/{problem}")
        click.echo(f"no: {count(len(error.problems), 'problem')}", err=True)
    return GslbError.exit_code


def _faults(found: Json, fail_on: float | None, force: bool) -> Iterator[str]:
    if found["changes"]["too_much"] and not force:
        yield f"{found['changes']['too_much']}; if it is meant: --force, here and for the reload"
    worst = found["worst"]
    if fail_on is not None and worst and worst["moved"] * 100 > fail_on:
        yield f"{worst['name']} moves {worst['moved']:.1%} of its clients"
    for pool in found["failing_open"]:
        yield f"pool {pool} would have no live member"
    for site in found["capacity"]:
        if not site["already"]:
            yield f"site {site['site']} would get a load of {site['load']:g} and carries {site['capacity']:g}"


def _show(found: Json) -> None:
    digest, changes = found["digest"], found["changes"]
    click.echo(f"{digest['before'][:12]} -> {digest['after'][:12]}")
    for what in ("zones", "names"):
        for sign, verb in (("+", "added"), ("-", "removed")):
            _some(f"{sign} {what[:-1]} {{}}", changes[what][verb])
        _some(f"~ {what[:-1]} {{}}", [f"{one['name']}: {one['what']}" for one in changes[what]["changed"]])
    sampled, worst = found["clients"]["sampled"], found["worst"]
    most = f"; most for {worst['name']}: {worst['moved']:.1%}" if worst else ""
    click.echo(f"clients moved: {found['moved']:.1%} of {sampled} for all names{most}")
    rows = [(one["name"], f"{one['before']:.1%}", f"{one['after']:.1%}") for one in found["sites"]]
    show_table("share of answers", ("site", "now", "then"), rows)
    moved = [
        (one["name"], f"{one['moved']:.1%}", _shares(one["before"]), _shares(one["after"])) for one in found["names"]
    ]
    if moved:
        show_table(f"{count(len(moved), 'name')} with clients moved", ("name", "moved", "now", "then"), moved[:_SHOWN])
    times = [(one["name"], _seconds(one["before"]), _seconds(one["after"]), one["parts"]) for one in found["recovery"]]
    if times:
        show_table("failover within", ("name", "now", "then", "of which"), times[:_SHOWN])
    if found["new_targets"]:
        click.echo(f"{count(found['new_targets'], 'target')} not probed yet: taken for up")
    for warning in found["warnings"]:
        click.echo(f"warning: {warning['where']}: {warning['path']}: {warning['message']}", err=True)


def _some(form: str, found: list[str]) -> None:
    for one in found[:_SHOWN]:
        click.echo(form.format(one))
    if len(found) > _SHOWN:
        click.echo(form.format(f"... and {len(found) - _SHOWN} more"))


def _shares(sites: dict[str, float]) -> str:
    return ", ".join(f"{site} {share:.0%}" for site, share in sites.items())


def _seconds(value: float | None) -> str:
    return "not probed" if value is None else f"{value:g} s"
