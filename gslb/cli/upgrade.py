"""`gslb upgrade`: let a running node become this program, without a lost query."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gslb.cli.client import find_config
from gslb.cli.output import count

if TYPE_CHECKING:
    from gslb.config.settings import NodeSettings
    from gslb.server.processes import ProcessId
    from gslb.server.upgrade import Successor

WITHIN = 120.0  # seconds: workers load the table four at a time
_LOOK_EVERY = 0.2


@click.command()
@click.option("--config", metavar="FILE", help="Node file; default as for the other verbs.")
@click.option("--check", "only_look", is_flag=True, help="Only say whether this program could take over.")
def upgrade(config: str | None, only_look: bool) -> int:
    """Let the node become the program that is installed now. Run it as the node's user, or as root.

    The node's first process becomes the new program; it starts new workers, which take over the sockets and the queries
    in them. A new program that cannot read the configuration or the state changes nothing, and neither does one whose
    workers do not start. It is the program at the path by which the node was started, such as /opt/gslb/bin/gslb.
    """
    from gslb.config.load import load
    from gslb.probe import KINDS
    from gslb.server.upgrade import SIGNAL

    node = load(find_config(config), KINDS).node
    supervisor, workers = _running(node)
    if only_look:
        click.echo(f"this program can take over from process {supervisor.pid}")
        return 0
    supervisor.send(SIGNAL)
    begun = time.monotonic()
    while time.monotonic() < begun + WITHIN and supervisor.alive():
        now = _processes(node, "workers")
        if now and not workers.intersection(now) and not any(worker.alive() for worker in workers):
            click.echo(f"upgraded: {count(len(now), 'new worker')} in {time.monotonic() - begun:.1f} s")
            return 0
        time.sleep(_LOOK_EVERY)
    click.echo("not upgraded: the node's log says why", err=True)
    return 1


def successor(config: str) -> "Successor":
    """How the program that is installed when an upgrade is asked for would be started in our place."""
    from gslb.server.upgrade import Successor

    program = _program(sys.argv, sys.orig_argv)
    return Successor((*program, "serve", "--config", config), (*program, "upgrade", "--check", "--config", config))


def _program(argv: list[str], orig_argv: list[str]) -> tuple[str, ...]:
    """The command without its arguments: the script where it is one, so that its own first line chooses the Python."""
    command = orig_argv[: len(orig_argv) - len(argv) + 1]
    if command[-2:-1] != ["-m"] and os.access(argv[0], os.X_OK):
        return (str(Path(argv[0]).absolute()),)
    return (sys.executable, *command[1:])


def _running(node: "NodeSettings") -> "tuple[ProcessId, set[ProcessId]]":
    """The supervisor and its workers. Raises StateError where there is none, or we could not look after its workers;
    StoreError where we could not read its store."""
    from gslb.config.settings import supervised
    from gslb.errors import StateError
    from gslb.server import pages
    from gslb.server.state import StateFolder
    from gslb.store import rows
    from gslb.store.database import check_file

    if not supervised(node):
        raise StateError("a node of one process is not upgraded while it runs", hint="restart it")
    found = _processes(node, "supervisor")
    if not found:
        raise StateError(f"no node runs on {node.state}", hint="start it with gslb serve")
    state = StateFolder(node.state)
    check_file(str(state.database_path), rows.FILE)
    if not pages.fits(state.pages_path):
        raise StateError("the memory that processes share has another layout in this version", hint="restart the node")
    return found[0], set(_processes(node, "workers"))


def _processes(node: "NodeSettings", key: str) -> "list[ProcessId]":
    from gslb.server.state import StateFolder, process_ids

    return process_ids(StateFolder(node.state).read_run(), key)
