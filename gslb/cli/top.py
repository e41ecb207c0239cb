"""`gslb top`: what goes on at a node, while it goes on."""

import json
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from gslb.cli.client import Client, with_client
from gslb.cli.facts import Look, document, look
from gslb.cli.frame import Line, frame
from gslb.cli.output import live_screen
from gslb.errors import GslbError

WIDE = 120  # characters where there is no terminal
TALL = 60


@click.command()
@click.option(
    "--interval", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--once", is_flag=True, help="Print one picture, and end.")
@click.option("--count", type=click.IntRange(1), help="End after so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one document in a line for each interval.")
@with_client
def top(client: Client, interval: float, once: bool, count: int | None, as_json: bool) -> int:
    """Show queries per second, answers by site, pools, drains with their time left, and the last events, live.

    The q key or Ctrl-C ends it. Without a terminal it prints pictures one below the other.
    """
    count = 1 if once else count
    if as_json:
        for at, facts in enumerate(_facts(client, interval), 1):
            click.echo(json.dumps(facts, ensure_ascii=False))
            if at == count:
                break
    elif once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        for at, facts in enumerate(_facts(client, interval), 1):
            for line in frame(facts, WIDE, TALL):
                click.echo(line.text)
            if at == count:
                break
    else:
        _live(client, interval, count)
    return 0


def _facts(client: Client, interval: float) -> Iterator[dict[str, Any]]:
    """One for each interval, from the end of the first. Raises as Client.call does."""
    before = look(client, time.time())
    while True:
        time.sleep(interval)
        now = look(client, time.time())
        yield document(before, now)
        before = now


def _live(client: Client, interval: float, count: int | None) -> None:
    """Until q, Ctrl-C, or so many pictures; a node that does not answer for a while is waited for."""
    before: Look | None = look(client, time.time())
    shown = 0
    with suppress(KeyboardInterrupt), _keys(), live_screen() as (show, size):
        show([Line("gslb top: looking ..."), Line("q ends")])
        while shown != count and not _pressed_q(interval):
            try:
                now = look(client, time.time())
            except GslbError as error:
                before = None
                show([Line(f"gslb top  {client.where}", "bad"), Line(error.message, "bad"), Line("q ends")])
                continue
            if before is not None:
                show(frame(document(before, now), *size()))
                shown += 1
            before = now


@contextmanager
def _keys() -> Iterator[None]:
    """Keys come as they are pressed, and are not shown."""
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    former = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, former)


def _pressed_q(seconds: float) -> bool:
    """Whether q is pressed within this time, or the terminal is gone."""
    latest = time.monotonic() + seconds
    while (left := latest - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left)[0]:
            keys = os.read(sys.stdin.fileno(), 64)
            if not keys or b"q" in keys.lower():
                return True
    return False
