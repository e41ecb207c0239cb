"""`gslb demo`: two data centres and a node on this machine, to break and mend."""

import json
import socket
import sys

import click

from gslb.cli.demo_files import SITES, SOCKET, WAYS, Ports
from gslb.errors import RequestError, StateError


@click.group(invoke_without_command=True)
@click.option("--dns-port", type=click.IntRange(1, 65535), default=Ports().dns, hidden=True)
@click.option("--api-port", type=click.IntRange(1, 65535), default=Ports().api, hidden=True)
@click.option("--site-port", type=click.IntRange(1, 65535), default=Ports().site, hidden=True)
@click.pass_context
def demo(ctx: click.Context, dns_port: int, api_port: int, site_port: int) -> int:
    """Run two small data centres and a node on this machine, and say what to try.

    DNS on 127.0.0.1:5300, API on 127.0.0.1:8053, sites on 127.0.0.11:8080 (Tokyo) and 127.0.0.12:8080 (Osaka). Its
    files are in ./.demo; Ctrl-C ends everything and removes them.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    if not sys.platform.startswith("linux"):
        raise StateError("the demo needs Linux: its sites listen on 127.0.0.11 and 127.0.0.12")
    from gslb.cli.demo_run import run

    return run(Ports(dns_port, api_port, site_port))


@demo.command("break")
@click.argument("site", type=click.Choice(list(SITES)))
@click.option("--how", type=click.Choice(WAYS), default="refuse", show_default=True)
def break_site(site: str, how: str) -> int:
    """Break a site.

    refuse closes its port, error answers 200 with a JSON error as a dead database does, hang never answers.
    """
    click.echo(_tell(site, how))
    return 0


@demo.command("mend")
@click.argument("site", type=click.Choice(list(SITES)))
def mend_site(site: str) -> int:
    """Mend a broken site."""
    click.echo(_tell(site, "ok"))
    return 0


def _tell(site: str, mode: str) -> str:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        try:
            link.connect(str(SOCKET))
            link.sendall(json.dumps({"site": site, "mode": mode}).encode() + b"\n")
            with link.makefile("r", encoding="utf-8") as reply:
                return reply.readline().strip()
        except OSError:
            raise RequestError(
                f"no demo runs in this folder ({SOCKET} does not answer)", hint="start one: make run"
            ) from None
