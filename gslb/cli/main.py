"""The `gslb` command. Verbs are imported when they are called, so that `gslb --help` answers at once.

Every verb returns its exit code: 0 fine, 1 the answer is no; misuse of the command line is 2.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from gslb import __version__
from gslb.errors import ConfigError, GslbError

VERBS = {
    "serve": "gslb.cli.serve:serve",
    "check": "gslb.cli.check:check",
    "probe": "gslb.cli.probe:probe",
    "explain": "gslb.cli.explain:explain",
    "status": "gslb.cli.status:status",
    "nodes": "gslb.cli.nodes:nodes",
    "report": "gslb.cli.report:report",
    "drain": "gslb.cli.drain:drain",
    "undrain": "gslb.cli.undrain:undrain",
    "resume": "gslb.cli.resume:resume",
    "demo": "gslb.cli.demo:demo",
}
MISUSE = 2
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are the entries of VERBS. Verb modules import slow libraries inside their functions."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of VERBS: the order in which people meet them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None where there is no such verb."""
        place = VERBS.get(cmd_name)
        if place is None:
            return None
        module, _, function = place.partition(":")
        command: click.Command = getattr(import_module(module), function)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gslb", message="%(prog)s %(version)s")
def cli() -> None:
    """Authoritative DNS that answers from live sites.

    Try it: `gslb demo`. Run a node: `gslb check --config gslb.yaml`, then `gslb serve --config gslb.yaml`.
    Exit codes: 0 fine, 1 the answer is no, 2 misuse.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code. A GslbError becomes its message and hint on stderr, never a traceback."""
    try:
        code = cli.main(args=None if argv is None else list(argv), prog_name="gslb", standalone_mode=False)
    except GslbError as error:
        _tell(error)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _tell(error: GslbError) -> None:
    lines = [error.message]
    if isinstance(error, ConfigError):
        lines = ["bad configuration", *map(str, error.problems)]
    if error.hint:
        lines.append(f"  hint: {error.hint}")
    click.echo("gslb: " + "\n".join(lines), err=True)


if __name__ == "__main__":
    sys.exit(main())
