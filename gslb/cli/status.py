"""`gslb status`: what the node believes, what it serves, and who asked for what."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from gslb.cli.client import Client, with_clients
from gslb.cli.columns import LISTS, rows_of
from gslb.cli.options import json_option
from gslb.cli.output import address_text, ago, count, show_json, show_table, when
from gslb.errors import GslbError


@click.command()
@json_option
@with_clients
def status(clients: Sequence[Client], as_json: bool) -> int:
    """Show the node: its members with observed and effective state, its drains and its workers.

    With several --api, a row for each of those nodes. Exit code 1 where a node is not serving or does not answer, or
    where a pool has no live member.
    """
    if len(clients) > 1:
        return _show_each(clients, as_json=as_json)
    view = clients[0].get(_PATH)
    if as_json:
        show_json(view)
    else:
        _show(view, time.time())
    return 0 if _is_well(view) else 1


_PATH = "/api/v1/status"


def _is_well(view: dict[str, Any]) -> bool:
    return bool(view["serving"]) and all(pool["live"] for pool in view["pools"])


def _show_each(clients: Sequence[Client], *, as_json: bool) -> int:
    views = [_asked(client) for client in clients]
    if as_json:
        show_json({"nodes": [{"api": client.where, **view} for client, view in zip(clients, views, strict=True)]})
    else:
        headers = ("api", "node", "site", "state", "live", "drained", "store", "config", "generation", "wrong")
        show_table("nodes", headers, [_line(client, view) for client, view in zip(clients, views, strict=True)])
    return 0 if all("error" not in view and _is_well(view) for view in views) else 1


def _asked(client: Client) -> dict[str, Any]:
    """The view of a node, or why there is none, as `error`."""
    try:
        found: dict[str, Any] = client.get(_PATH)
    except GslbError as error:
        return {"error": error.message}
    return found


def _line(client: Client, view: dict[str, Any]) -> tuple[str, ...]:
    if "error" in view:
        return (client.where, *[""] * 8, view["error"])
    dead = [pool["name"] for pool in view["pools"] if not pool["live"]]
    members = sum(len(pool["members"]) for pool in view["pools"])
    wrong = [f"no live member in {', '.join(dead)}"] if dead else []
    wrong += ["withdrawn"] if view["withdrawn"] else []
    wrong += ["last reload refused"] if view["config"]["problems"] else []
    return (
        client.where,
        view["node"]["name"],
        view["node"]["site"],
        ("serving" if view["fresh"] else "serving, not fresh") if view["serving"] else "NOT SERVING",
        f"{sum(pool['live'] for pool in view['pools'])} of {members}",
        str(len(view["drains"])),
        "LOST" if view["store"]["lost"] else "answers",
        view["config"]["digest"][:8],
        str(view["generation"]),
        "; ".join(wrong),
    )


def _show(view: dict[str, Any], now: float) -> None:
    node, config = view["node"], view["config"]
    state = "serving" if view["serving"] else "NOT SERVING"
    fresh = "" if view["fresh"] else ", not fresh: health is older than it should be"
    click.echo(f"node {node['name']} at {node['site']} (gslb {node['version']}): {state}{fresh}")
    size = f"{count(config['names'], 'dynamic name')} in {count(config['zones'], 'zone')}"
    click.echo(f"{size}, generation {view['generation']}")
    for line in (*_about_node(view), *_about_config(config, now)):
        click.echo(line)
    headers = ("pool", "member", "site", "address", "observed", "effective", "since", "reason")
    rows = [
        _row(pool, member, a, now) for pool in view["pools"] for member in pool["members"] for a in member["addresses"]
    ]
    _show_if_any("members", headers, rows)
    _show_if_any("certificates that expire soon", ("monitor", "address", "days left"), _expiring(view))
    for kind in ("drains", "holds", "forces"):
        _show_if_any(kind, tuple(LISTS[kind].columns), rows_of(LISTS[kind], view[kind], now))
    workers = [_worker(worker) for worker in view["workers"]]
    _show_if_any("workers", ("slot", "pid", "state", "generation", "queries"), workers)


def _show_if_any(title: str, headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        click.echo()
        show_table(title, headers, rows)


def _about_node(view: dict[str, Any]) -> Iterator[str]:
    """What an operator must know about the node and its store."""
    if found := view["withdrawn"]:
        yield f"WITHDRAWN since {when(found['since'])} by {found['owner'] or '?'}: {found['reason']}"
    store = view["store"]
    if store["lost"]:
        yield f"store {store['kind']} LOST: belief follows {store['belief']}; see gslb nodes"
    yield from (f"ALARM: {alarm}" for alarm in store["alarms"])
    for one in view["probers"]:
        if one["blind"]:
            yield f"prober {one['name']} is blind: {one['blind']}"
    for pool in view["pools"]:
        if not pool["live"]:
            yield f"pool {pool['name']} has no live member: all_down decides ({pool['all_down']})"


def _about_config(config: dict[str, Any], now: float) -> Iterator[str]:
    """What an operator must know about the configuration that is served."""
    yield from (f"last reload refused: {problem}" for problem in config["problems"])
    if back := config.get("rolled_back"):
        why = f"{back['why'] or 'no reason'}; the zones folder on disk is not what is served"
        yield f"rolled back from {back['from'][:12]} at {when(back['at'])} by {back['who'] or '?'}: {why}"
    if trial := config.get("trial"):
        left = ago(trial["until"] - now)
        yield f"on trial for another {left}, by {trial['who'] or '?'}; to keep it: gslb reload --confirmed"


def _row(pool: dict[str, Any], member: dict[str, Any], address: dict[str, Any], now: float) -> tuple[str, ...]:
    since = "" if address["since"] is None else ago(now - address["since"])
    place = (pool["name"], member["name"], member["site"], address_text(address))
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
