"""What is done to the lab, as a fault does it or as an operator: power cuts, drains, a primary that goes elsewhere."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from deploy.lab import services
from deploy.lab.database.etcd import NoMajorityError
from deploy.lab.insight import resolve, role, view
from deploy.lab.plan import CENTRES, SITES, VOTERS, Site, other
from deploy.lab.processes import LabError, Service, in_host
from deploy.lab.watching import give_server

_SWITCH = 40.0  # seconds for the primary to go elsewhere in order
_RETURN = 120.0  # seconds for a site that comes back
_LOOKS = 3  # at whom users are led to, a second apart


class UnrestError(LabError):
    """It did not come about in time."""


def await_(good: Callable[[], bool], fault: str, seconds: float = _RETURN) -> None:
    """Wait no longer than that; what cannot be asked yet is not good yet. Raises UnrestError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(LabError, NoMajorityError):
            if good():
                return
        time.sleep(0.5)
    raise UnrestError(f"{fault}, {seconds:.0f} s long")


def others(site: Site) -> tuple[Site, ...]:
    return tuple(one for one in SITES if one is not site)


def kill(site: Site) -> None:
    """The power of a site is gone."""
    power_off(*services.of_site(site))


def power_off(*programs: Service) -> None:
    for service in programs:
        service.kill()


def start(*programs: Service) -> None:
    for service in programs:
        service.start()


def kill_postgres(site: Site) -> None:
    """PostgreSQL alone dies; the guardian beside it lives."""
    file = site.host("db").folder / "postgresql" / "data" / "postmaster.pid"
    os.kill(int(file.read_text().split()[0]), signal.SIGKILL)


def drain(site: Site, *more: str) -> None:
    """As an operator does, at the other site's node."""
    gslb(other(site), "drain", f"site/{site.name}", "--for", "1h", "--reason", "maintenance", *more)


def gslb(site: Site, *arguments: str) -> str:
    """The command line of a site's node. Raises LabError."""
    host = site.host("dns")
    folder = host.folder / "gslb"
    argv = [sys.executable, "-m", "gslb.cli.main", *arguments, "--config", str(folder / "gslb.yaml")]
    done = subprocess.run(in_host(host, argv), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise LabError(f"gslb {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout


def maintenance(site: Site) -> None:
    """Let agents go to the other site's Zabbix server, drain until answers have run out, then stop everything.

    A drain of the site with the only Zabbix server that works is refused.
    """
    give_server(other(site))
    await_(lambda: resolve("zabbix-server") == [other(site).host("app").address], "agents are still led to it")
    drain(site, "--wait")
    for service in reversed(services.of_site(site)):
        service.stop()


def back(site: Site) -> None:
    start(*services.of_site(site))


def back_by_hand(site: Site) -> None:
    """A drained site comes back: its database follows and is in sync, and users come when they are let in."""
    back(site)
    await_(lambda: view().synced == site.name and role(site) == "standby", "its PostgreSQL is no standby in sync")
    await_(all_up, "its front end is not observed up")
    for _ in range(_LOOKS):
        if site.host("app").address in resolve("zabbix"):
            raise LabError(f"users are led to {site.name}, which is drained")
        time.sleep(1)
    gslb(other(site), "undrain", f"site/{site.name}")


def drained_first(site: Site) -> None:
    """A site that died is drained before its power is on again, so that nobody is led there by itself."""
    drain(site)
    back_by_hand(site)


def switch(site: Site) -> None:
    """Let the primary go elsewhere in order: its guardian stops it and gives the key back, and comes back to follow."""
    guardian, goal = services.guardian(site), other(site)
    guardian.stop()
    log = services.pgpool(goal).host.folder / "pgpool/failover.log"
    await_(lambda: view().site == goal.name, f"{goal.name} has not become primary: {log}", _SWITCH)
    guardian.start()


def all_up() -> bool:
    """Whether both nodes see every front end up."""
    return all(address["observed"] == "up" for node in CENTRES for _, address in _front_ends(node))


def let_in() -> bool:
    """As an operator who knows better: what changes here in an hour changes elsewhere in years; damping holds it.

    Whether anything was held.
    """
    held = False
    for node in VOTERS:  # the witness, too: Zabbix believes each of them
        for site in sorted({site for site, address in _front_ends(node) if address["effective"] != "up"}):
            gslb(node, "resume", f"site/{site}")
            held = True
    return held


def _front_ends(node: Site) -> list[tuple[str, dict[str, str]]]:
    """The addresses of front ends with their sites, as a node sees them."""
    found = json.loads(gslb(node, "status", "--json"))
    web = next(pool for pool in found["pools"] if pool["name"] == "zabbix-web")
    return [(member["site"], address) for member in web["members"] for address in member["addresses"]]
