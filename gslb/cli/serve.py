"""`gslb serve`: run a node until it is told to stop."""

import os
import sys
from pathlib import Path

import click


@click.command()
@click.option("--config", metavar="FILE", required=True, help="Node file.")
def serve(config: str) -> int:
    """Run a node: answer DNS, probe sites, serve the API.

    SIGHUP reloads the configuration, all or nothing; SIGTERM and Ctrl-C stop. With `workers: 0` everything runs in
    this one process, and so it does without the role dns; otherwise this process supervises the workers and the
    control process.
    """
    from gslb.config.load import load_node
    from gslb.config.settings import supervised

    path = str(Path(config).absolute())
    node = load_node(path)
    if not supervised(node):
        from gslb.api.main import run_control

        return 1 if run_control(path) else 0
    from gslb.cli.upgrade import successor
    from gslb.server import logs
    from gslb.server.supervisor import Supervisor

    os.environ[logs.VARIABLE] = logs.handed_on(node.log)  # for the supervisor and all that it starts
    control = [sys.executable, "-m", "gslb.api.main", "--config", path]
    return Supervisor(node.state, node.dns, node.workers, control, successor(path)).run()
