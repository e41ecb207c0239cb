"""The `gslb` command. Verbs are imported when they are called, so that `gslb --help` answers at once.

Every verb returns its exit code: 0 fine, 1 the answer is no; misuse of the command line is 2.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import click

from gslb import __version__
from gslb.cli.output import remaining_lines
from gslb.errors import ConfigError, ConflictError, GslbError


class Verb(NamedTuple):
    """Where its command is, and what it is for."""

    place: str
    purpose: str


SECTIONS = {
    "Look": {
        "status": Verb("gslb.cli.status:status", "what a node believes and serves, and what is wrong"),
        "top": Verb("gslb.cli.top:top", "queries, answers, pools, drains and events, live"),
        "explain": Verb("gslb.cli.explain:explain", "why a client gets this answer, and what if"),
        "events": Verb("gslb.cli.events:events", "what became of health; --follow: what becomes of it"),
        "report": Verb("gslb.cli.report:report", "how available members, pools and sites were"),
        "sites": Verb("gslb.cli.lists:sites", "places where members are"),
        "pools": Verb("gslb.cli.lists:pools", "sets of members, and how many live"),
        "members": Verb("gslb.cli.lists:members", "members, and what is served of them"),
        "names": Verb("gslb.cli.lists:names", "names that are answered from pools"),
        "monitors": Verb("gslb.cli.lists:monitors", "checks, and what they find"),
        "probers": Verb("gslb.cli.lists:probers", "who probes, and who is blind"),
        "votes": Verb("gslb.cli.lists:votes", "what is believed of each target, and who says so"),
        "nodes": Verb("gslb.cli.nodes:nodes", "who is there, and who serves something else"),
        "audit": Verb("gslb.cli.audit:audit", "who did what, when and why; verify the record"),
        "probe": Verb("gslb.cli.probe:probe", "make one probe now, and tell all that it met"),
    },
    "Take out, put back": {
        "drain": Verb("gslb.cli.drain:drain", "take a site, a pool or a member out for a while"),
        "progress": Verb("gslb.cli.progress:progress", "how far a drain has come at all nodes"),
        "extend": Verb("gslb.cli.extend:extend", "let a drain, a hold or a force last longer"),
        "undrain": Verb("gslb.cli.undrain:undrain", "end a drain"),
        "drains": Verb("gslb.cli.lists:drains", "what is drained"),
        "hold": Verb("gslb.cli.hold:hold", "let health change nothing for a while"),
        "holds": Verb("gslb.cli.lists:holds", "what is held"),
        "force": Verb("gslb.cli.force:force", "call something up or down, whatever probes find"),
        "forces": Verb("gslb.cli.lists:forces", "what is forced"),
        "change": Verb("gslb.cli.extend:amend", "another end, part or reason for one of these"),
        "cancel": Verb("gslb.cli.undrain:cancel", "end a drain, a hold or a force"),
        "resume": Verb("gslb.cli.resume:resume", "serve what is up but waits"),
        "push": Verb("gslb.cli.push:push", "tell the state of a target to a push monitor"),
    },
    "Configuration": {
        "check": Verb("gslb.cli.check:check", "is a configuration right, and how fast does it fail over?"),
        "plan": Verb("gslb.cli.plan:plan", "what would this zones folder do?"),
        "reload": Verb("gslb.cli.reload:reload", "take the zones folder into service, or try it"),
        "rollback": Verb("gslb.cli.rollback:rollback", "serve a configuration from before"),
        "config": Verb("gslb.cli.config:config", "what is served, and what is kept"),
    },
    "Nodes": {
        "serve": Verb("gslb.cli.serve:serve", "run a node"),
        "upgrade": Verb("gslb.cli.upgrade:upgrade", "the node becomes the program installed now, no query lost"),
        "withdraw": Verb("gslb.cli.withdraw:withdraw", "a node is not ready any more, but answers"),
        "restore": Verb("gslb.cli.withdraw:restore", "it is ready again"),
        "token": Verb("gslb.cli.token:token", "make, list and revoke API tokens"),
        "notify": Verb("gslb.cli.notify:notify", "do the webhooks work?"),
        "completion": Verb("gslb.cli.completion:completion", "verbs, options and live names in your shell"),
        "demo": Verb("gslb.cli.demo:demo", "two data centres on this machine, to break and mend"),
    },
}
VERBS = {name: verb for verbs in SECTIONS.values() for name, verb in verbs.items()}
MISUSE = 2
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are the entries of VERBS. Verb modules import slow libraries inside their functions."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of VERBS: the order in which people meet them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None where there is no such verb."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module, _, function = verb.place.partition(":")
        command: click.Command = getattr(import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs by what they are for."""
        for section, verbs in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, verb.purpose) for name, verb in verbs.items()])


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
    if isinstance(error, ConflictError):
        lines += remaining_lines(error.remains)
    if error.hint:
        lines.append(f"  hint: {error.hint}")
    click.echo("gslb: " + "\n".join(lines), err=True)


if __name__ == "__main__":
    sys.exit(main())
