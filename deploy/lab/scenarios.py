"""What is broken, how it is mended, and what is promised about it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from deploy.lab import network, services
from deploy.lab.insight import view
from deploy.lab.plan import NAGOYA, OSAKA, SITES, TOKYO, Site, other
from deploy.lab.processes import LabError, Service, in_host

DETECTION = 3.6  # seconds, by the fast profile of monitors
TTL = 5.0
PAGE = 3.0  # a request that was under way, or that the user gave up
DATABASE = 17.0  # Pgpool's health check beside the lease [6], the election of a leader that died too [3], promotion [3]
SWITCH = 40.0


class Scenario(NamedTuple):
    """`user` is how long after the event a user's request may still fail, in seconds; `fails`: none may.

    `terms` is how many failovers of the database it makes. `steady` is how long it is watched after that.
    """

    name: str
    text: str
    do: Callable[[], None]
    undo: Callable[[], None]
    user: float
    terms: int = 0
    fails: bool = True
    needs: str = ""  # the site that must have the primary before
    hits: str = TOKYO.name  # the site that must be serving the user at that moment


def _others(site: Site) -> tuple[Site, ...]:
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


def drain(site: Site) -> None:
    """As an operator does before maintenance: returns when nobody is led there any more, and answers have run out."""
    gslb(other(site), "drain", f"site/{site.name}", "--for", "1h", "--reason", "maintenance", "--wait")


def gslb(site: Site, *arguments: str) -> str:
    """The command line of a site's node. Raises LabError."""
    host = site.host("dns")
    folder = host.folder / "gslb"
    argv = [sys.executable, "-m", "gslb.cli.main", *arguments, "--config", str(folder / "gslb.yaml")]
    done = subprocess.run(in_host(host, argv), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise LabError(f"gslb {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout


def _maintenance(site: Site) -> None:
    """Drain, then let the database go over in order, then stop everything."""
    drain(site)
    for service in reversed(services.of_site(site)):
        service.stop()


def _back(site: Site) -> None:
    start(*services.of_site(site))


def _undrain(site: Site) -> None:
    _back(site)
    gslb(other(site), "undrain", f"site/{site.name}")


def switch(site: Site) -> None:
    """Let the primary go elsewhere in order: its guardian stops it and gives the key back, and comes back to follow."""
    guardian, goal = services.guardian(site), other(site).name
    guardian.stop()
    deadline = time.monotonic() + SWITCH
    while view().site != goal:
        if time.monotonic() > deadline:
            raise LabError(
                f"{goal} has not become primary: {services.pgpool(other(site)).host.folder}/pgpool/failover.log"
            )
        time.sleep(0.5)
    guardian.start()


def all_up() -> bool:
    """Whether every member is observed up that should be: all but the standbys of exclusive pools."""
    found = json.loads(gslb(TOKYO, "status", "--json"))
    web = next(pool for pool in found["pools"] if pool["name"] == "zabbix-web")
    return all(item["observed"] == "up" for member in web["members"] for item in member["addresses"])


def all_of() -> list[Scenario]:
    """In the order in which `make lab-test` runs them."""
    front_end = [services.nginx(TOKYO), services.php(TOKYO)]
    app = TOKYO.host("app")
    return [
        Scenario(
            "front-end",
            "front end of Tokyo stopped",
            lambda: power_off(*front_end),
            lambda: start(*front_end),
            DETECTION + TTL + PAGE,
        ),
        Scenario(
            "no-database",
            "database unreachable from Tokyo's front end, which answers 200 still",
            lambda: network.refuse(app, "tcp dport 5432"),
            lambda: network.refuse(app),
            DETECTION + TTL + PAGE,
        ),
        Scenario(
            "site-cut",
            "Tokyo, with the primary, cut off from everything",
            lambda: network.part((TOKYO,), _others(TOKYO)),
            network.part,
            DETECTION + TTL + DATABASE + PAGE,
            terms=1,
            needs=TOKYO.name,
        ),
        Scenario(
            "drain",
            "Tokyo drained with --wait, then everything in it stopped",
            lambda: _maintenance(TOKYO),
            lambda: _undrain(TOKYO),
            0.0,
            fails=False,
            needs=OSAKA.name,
        ),
        Scenario(
            "nodes",
            "Tokyo's node and etcd killed",
            lambda: power_off(services.node(TOKYO), services.etcd(TOKYO)),
            lambda: start(services.etcd(TOKYO), services.node(TOKYO)),
            PAGE,
        ),
        Scenario(
            "link-cut",
            "the link between Tokyo and Osaka cut, both alive",
            lambda: network.part((TOKYO,), (OSAKA,)),
            network.part,
            DETECTION + TTL + PAGE,
        ),
        Scenario(
            "witness",
            "the witness lost",
            lambda: kill(NAGOYA),
            lambda: _back(NAGOYA),
            0.0,
            fails=False,
        ),
        Scenario(
            "site-dead",
            "Osaka, with the primary, without power",
            lambda: kill(OSAKA),
            lambda: _back(OSAKA),
            DETECTION + TTL + DATABASE + PAGE,
            terms=1,
            needs=OSAKA.name,
            hits=OSAKA.name,
        ),
    ]
