"""`gslb probe`: make one probe now, from this machine, and tell all that it met."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gslb.cli.client import find_config
from gslb.cli.output import columns, show_json
from gslb.errors import GslbError, NotFoundError, RequestError

if TYPE_CHECKING:
    from gslb.config.model import Config, Monitor
    from gslb.probe.result import Result
    from gslb.probe.trace import Stage

UP, DOWN, CANNOT = 0, 1, 2
_INLINE_MARKS = ":={"  # a name has none of them
_AT_ONCE = 50  # probes


class Limits(NamedTuple):
    """What the node file forbids probes."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()


class Outcome(NamedTuple):
    """One probe: its result, or the error of this machine for which there is none, and its stages."""

    address: str
    result: "Result | None"
    stages: "tuple[Stage, ...]"
    error: str = ""


@click.command()
@click.argument("monitor")
@click.argument("target")
@click.option("--config", metavar="FILE", help="Node file; default as for the other verbs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def probe(monitor: str, target: str, config: str | None, as_json: bool) -> int:
    """Probe TARGET once, from this machine, and tell each stage: connection, TLS, answer, the first of its body.

    MONITOR is the name of a configured one, or a definition such as 'type: http, port: 8080' or 'type=tcp port=22'.
    TARGET is an address, POOL/MEMBER, pool/NAME, or site/NAME. Nothing is told to the running node.

    Exit codes: 0 up, 1 down, 2 the probe cannot be made.
    """
    import asyncio

    try:
        wanted, addresses = _prepared(monitor, target, config)
    except GslbError as error:
        error.exit_code = CANNOT
        raise
    outcomes = asyncio.run(_probe_all(wanted, addresses))
    if as_json:
        show_json({"monitor": wanted.name, "type": wanted.kind, "probes": [_view(wanted, one) for one in outcomes]})
    else:
        for outcome in outcomes:
            _show(wanted, outcome)
    return max(map(_code, outcomes))


def _prepared(monitor: str, target: str, path: str | None) -> "tuple[Monitor, Sequence[str]]":
    """The monitor and the addresses to probe. Raises GslbError where something is unknown, wrong or forbidden."""
    from gslb.config.load import load, load_monitor
    from gslb.probe import KINDS

    inline = any(mark in monitor for mark in _INLINE_MARKS)
    if inline and (address := _address(target)):
        wanted, limits, addresses = load_monitor(monitor, KINDS), _limits_of_node(path), [address]
    else:
        config = load(find_config(path), KINDS)
        wanted = load_monitor(monitor, KINDS) if inline else _configured(monitor, config)
        limits = Limits(config.node.probe_allow, config.node.probe_deny, config.node.probe_ports_deny)
        addresses = _addresses(target, None if inline else monitor, config)
    _refuse(wanted, addresses, limits)
    return wanted, addresses


def _configured(name: str, config: "Config") -> "Monitor":
    from gslb.config.document import suggestion

    if name not in config.monitors:
        hint = suggestion(name, config.monitors) or "give a definition: gslb probe 'type: http, port: 8080' 192.0.2.1"
        raise NotFoundError(f"the configuration has no monitor {name!r}", hint=hint)
    return config.monitors[name]


def _limits_of_node(path: str | None) -> Limits:
    """Those of the node file that there is; a machine without one may still probe what is not denied by default."""
    from gslb.config.load import load_node

    try:
        found = find_config(path)
    except RequestError:
        return Limits()
    node = load_node(found)
    return Limits(node.probe_allow, node.probe_deny, node.probe_ports_deny)


def _address(text: str) -> str:
    """Canonical text of an address; empty for what is none."""
    from gslb.config.values import address

    if "/" in text:
        return ""
    try:
        return address(text)
    except ValueError as error:
        hint = "or a target of the configuration: POOL/MEMBER, pool/NAME, site/NAME"
        raise RequestError(f"target {error}", hint=hint) from None


def _addresses(target: str, monitor: str | None, config: "Config") -> list[str]:
    """The addresses of a target, each once; of a site, those in pools that use the monitor."""
    from gslb.control.targets import covered, require_known
    from gslb.intents import Target

    if found := _address(target):
        return [found]
    first, _, rest = target.partition("/")
    is_member = first not in ("site", "pool", "member") and "/" not in rest
    wanted = Target.parse(f"member/{target}" if is_member else target)
    require_known(wanted, config)
    members = {pair for pair in covered(wanted, config) if _uses(pair[0], monitor, config) or wanted.kind != "site"}
    addresses = dict.fromkeys(
        address
        for pool in config.pools.values()
        for member in pool.members
        if (pool.name, member.name) in members
        for address in member.probed
    )
    if not addresses:
        raise NotFoundError(
            f"no address of {target} is probed by monitor {monitor!r}", hint="name a member, or an address"
        )
    return list(addresses)


def _uses(pool: str, monitor: str | None, config: "Config") -> bool:
    return monitor is None or monitor in config.pools[pool].monitors.of


def _refuse(monitor: "Monitor", addresses: Sequence[str], limits: Limits) -> None:
    """Raises RequestError where the rules by which a configuration is judged forbid one of the probes."""
    from gslb.config.targets import denied, denied_port, remedy
    from gslb.probe.push import PushMonitor

    if monitor.kind == PushMonitor.kind:
        raise RequestError("a monitor of type push asks nobody: agents tell the node", hint="see gslb status")
    if reason := denied_port(monitor.port, limits.ports):
        raise RequestError(f"port {monitor.port} must not be probed: it is {reason}")
    for address in addresses:
        if reason := denied(address, limits.allow, limits.deny):
            raise RequestError(f"{address} must not be probed: it is {reason}", hint=remedy(address, limits.deny))


async def _probe_all(monitor: "Monitor", addresses: Sequence[str]) -> list[Outcome]:
    import asyncio

    from gslb.probe import KINDS
    from gslb.probe.trace import traced

    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(address: str) -> Outcome:
        async with slots:
            try:
                return Outcome(address, *await traced(KINDS[monitor.kind].check, monitor, address))
            except OSError as error:
                return Outcome(address, None, (), error.strerror or str(error))

    return await asyncio.gather(*map(one, addresses))


def _code(outcome: Outcome) -> int:
    if outcome.result is None:
        return CANNOT
    return UP if outcome.result.ok else DOWN


def _view(monitor: "Monitor", outcome: Outcome) -> dict[str, Any]:
    result = outcome.result
    return {
        "address": outcome.address,
        "port": monitor.port or None,
        "verdict": None if result is None else "up" if result.ok else "down",
        "reason": result.reason if result else "",
        "detail": result.detail if result else "",
        "seconds": result.latency if result else None,
        "tls_days": result.tls_days if result else None,
        "error": outcome.error,
        "stages": [stage._asdict() for stage in outcome.stages],
    }


def _show(monitor: "Monitor", outcome: Outcome) -> None:
    place = f"{outcome.address} port {monitor.port}" if monitor.port else outcome.address
    result = outcome.result
    if result is None:
        click.echo(f"{place}: cannot be probed from here: {outcome.error}")
        return
    why = ": ".join(filter(None, (result.reason, result.detail)))
    verdict = "up" if result.ok else "down"
    click.echo(f"{place}: {verdict} after {_milliseconds(result.latency)}" + (f", {why}" if why else ""))
    rows = [(_milliseconds(stage.seconds).rjust(10), stage.name, stage.text) for stage in outcome.stages]
    for line in columns(rows) if rows else ():
        click.echo(f"  {line}")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
