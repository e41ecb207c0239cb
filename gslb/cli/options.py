"""Options and arguments that several verbs have, and how their texts are read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from gslb.cli.completing import targets
from gslb.errors import RequestError
from gslb.intents import Target

Decorator = Callable[[Callable[..., int]], Callable[..., int]]


def well_formed(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A bad form is misuse, and lists the three good ones; whether the target exists is the node's to say."""
    try:
        return str(Target.parse(value))
    except RequestError as error:
        raise click.BadParameter(f"{error.message} ({error.hint})", ctx, param) from None


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """A time from now, or a moment in UTC, as the API reads it; "" where none is given."""
    from gslb.config.values import duration

    if value is None:
        return ""
    try:
        return (
            datetime.now(UTC) + timedelta(seconds=duration(value.removeprefix("in ").removeprefix("+")))
        ).isoformat()
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("neither a time from now (2h) nor a moment (2026-03-01T22:00)", ctx, param) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def period(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Seconds of a length of time such as 5m."""
    from gslb.config.values import duration

    if value is None:
        return None
    try:
        return duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def login() -> str:
    """The login name of whoever runs the command, for the record."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


target_argument = click.argument("target", callback=well_formed, shell_complete=targets)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
reason_option = click.option("--reason", required=True, help="Why; shown wherever it is, and recorded.")
owner_option = click.option("--owner", help="Who answers for it. Default: your login name.")
start_option = click.option(
    "--start", metavar="TIME", callback=moment, help="Not now: in 30m, or 2026-03-01T22:00 (UTC)."
)
until_option = click.option(
    "--until", metavar="TIME", callback=moment, help="Instead of --for: 2026-03-01T22:00 (UTC)."
)
force_option = click.option("--force", is_flag=True, help="Although a pool is left with too little; this is recorded.")
local_option = click.option("--local", is_flag=True, help="At this node alone: for when the store cannot be reached.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would remain.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask first, at a terminal.")


def all_of(*options: Any) -> Decorator:
    """Several options at once, in this order."""

    def decorated(function: Callable[..., int]) -> Callable[..., int]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorated
