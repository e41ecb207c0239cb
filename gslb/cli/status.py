"""`gslb status`: what the node believes, what it serves, and who asked for what."""

import time
from collections.abc import Sequence
from typing import Any

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import ago, count, show_json, show_table, when
from gslb.control.evidence import place_text


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def status(client: Client, as_json: bool) -> int:
    """Show the node: its members with observed and effective state, its drains and its workers.

    Exit code 1 where the node is not serving, or where a pool has no live member.
    """
    view = client.get("/api/v1/status")
    if as_json:
        show_json(view)
    else:
        _show(view, time.time())
    return 0 if view["serving"] and all(pool["live"] for pool in view["pools"]) else 1


def _show(view: dict[str, Any], now: float) -> None:
    node, config = view["node"], view["config"]
    state = "serving" if view["serving"] else "NOT SERVING"
    fresh = "" if view["fresh"] else ", not fresh: health is older than it should be"
    click.echo(f"node {node['name']} at {node['site']} (gslb {node['version']}): {state}{fresh}")
    size = f"{count(config['names'], 'dynamic name')} in {count(config['zones'], 'zone')}"
    click.echo(f"{size}, generation {view['generation']}")
    for problem in config["problems"]:
        click.echo(f"last reload refused: {problem}")
    headers = ("pool", "member", "site", "address", "observed", "effective", "since", "reason")
    rows = [
        _row(pool, member, a, now) for pool in view["pools"] for member in pool["members"] for a in member["addresses"]
    ]
    _show_if_any("members", headers, rows)
    _show_if_any("certificates that expire soon", ("monitor", "address", "days left"), _expiring(view))
    drains = [(d["target"], when(d["expires"]), d["owner"], d["reason"], d["id"]) for d in view["drains"]]
    _show_if_any("drains", ("target", "until", "owner", "reason", "id"), drains)
    workers = [_worker(worker) for worker in view["workers"]]
    _show_if_any("workers", ("slot", "pid", "state", "generation", "queries"), workers)


def _show_if_any(title: str, headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        click.echo()
        show_table(title, headers, rows)


def _row(pool: dict[str, Any], member: dict[str, Any], address: dict[str, Any], now: float) -> tuple[str, ...]:
    since = "" if address["since"] is None else ago(now - address["since"])
    place = (pool["name"], member["name"], member["site"], place_text(address))
    return (*place, address["observed"], address["effective"], since, address["reason"])


def _expiring(view: dict[str, Any]) -> Sequence[tuple[str, ...]]:
    """Each certificate once, however many members it is probed for; the first to expire first."""
    found = {
        (monitor["name"], address["checked"]): monitor["tls_days"]
        for pool in view["pools"]
        for member in pool["members"]
        for address in member["addresses"]
        for monitor in address["monitors"]
        if monitor["tls_warning"]
    }
    return [(*place, f"{days:.1f}") for place, days in sorted(found.items(), key=lambda item: item[1])]


def _worker(worker: dict[str, Any]) -> tuple[str, ...]:
    state = "serving" if worker["alive"] else "gone"
    queries = worker["counters"]["udp_queries"] + worker["counters"]["tcp_queries"]
    return (str(worker["slot"]), str(worker["pid"]), state, str(worker["generation"]), str(queries))
