"""Data centres as a whole: what is there, and what happens to it. See test_lab.py for how it is used."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.kit import eventually
from tests.e2e.lab.cluster import Cluster
from tests.e2e.lab.host import Host
from tests.e2e.lab.net import Network, Place
from tests.e2e.lab.node import LabNode
from tests.e2e.lab.oracle import Oracle
from tests.e2e.lab.targets import PORT, Targets
from tests.e2e.lab.truth import Limits, Truth

NAME = "www.gslb.example.com."  # of policy all: an answer tells all that a node believes
_ETCD, _NODE, _TARGETS = 1, 2, 3  # the hosts of a site
_FIRST = 11  # of the addresses of targets


@dataclass(frozen=True, slots=True)
class Profile:
    """How fast probes judge; seconds."""

    interval: float = 1.0
    timeout: float = 0.5
    fall: int = 2
    rise: int = 2
    jitter: float = 0.1

    @property
    def limits(self) -> Limits:
        """What semantics allow: the bound of a failover, and the same for a return."""
        each = self.jitter * self.interval + self.timeout + 0.5
        return Limits(bound=self.fall * self.interval + each, back=self.rise * self.interval + each)

    @property
    def doubt(self) -> float:
        """How long a prober that was blind distrusts what it finds down."""
        return (self.rise + 1 + self.jitter) * self.interval + self.timeout


class Plan(NamedTuple):
    """What a site has. `roles` are the node's; "" is no node. A witness has no targets."""

    targets: int = 1
    etcd: bool = True
    roles: str = "dns, probe, api"


class Lab:
    """Sites by name, in order: number 1, 2, 3 ... Made by the fixture `make_lab`, which also closes it."""

    def __init__(
        self,
        network: Network,
        need: Callable[[str], str],
        folder: Path,
        plans: dict[str, Plan],
        profile: Profile,
    ) -> None:
        self.folder = folder
        self.profile = profile
        self.plans = plans
        self.sites = {site: Place(number) for number, site in enumerate(plans, 1)}
        self.addresses = {site: self._addresses(site) for site in plans}
        self.truth = Truth(address for addresses in self.addresses.values() for address in addresses)
        self.network = network
        for place in self.sites.values():
            self.network.add_site(place.site)
        self.client = Host(self.network, Place(0, 1), folder / "client")
        self.etcd = Cluster(need, {s: self._host(s, _ETCD, "etcd") for s in plans if plans[s].etcd})
        self.nodes = {s: LabNode(self._host(s, _NODE, "node"), f"{s}-1", s) for s in plans if plans[s].roles}
        self.targets = {
            site: Targets(self._host(site, _TARGETS, "targets", self.addresses[site]), self.addresses[site], self.truth)
            for site in plans
            if plans[site].targets
        }
        self.zones = folder / "zones"
        self._oracles = 0
        self._clients = [self.client]

    def _addresses(self, site: str) -> list[str]:
        place = self.sites[site]
        return [Place(place.site, _FIRST + number).address for number in range(self.plans[site].targets)]

    def _host(self, site: str, number: int, kind: str, more: Sequence[str] = ()) -> Host:
        return Host(self.network, Place(self.sites[site].site, number), self.folder / f"{site}-{kind}", more)

    def close(self) -> None:
        """Collect what ended with the network."""
        for host in (*self._clients, *self.hosts()):
            host.kill()

    def hosts(self, site: str | None = None) -> list[Host]:
        """All hosts of the sites, or of one."""
        kinds: Iterable[dict[str, Host]] = (
            self.etcd.members,
            {name: node.host for name, node in self.nodes.items()},
            {name: targets.host for name, targets in self.targets.items()},
        )
        return [host for kind in kinds for name, host in kind.items() if site in (None, name)]

    @property
    def answering(self) -> list[str]:
        """The sites whose nodes answer DNS."""
        return [site for site in self.nodes if "dns" in self.plans[site].roles]

    # Start

    def start_etcd(self, seconds: float = 60) -> float:
        """Start all members. Returns how long it took until they had a leader."""
        self.etcd.start()
        return eventually(lambda: self.etcd.leader() and all(map(self.etcd.ready, self.etcd.members)), seconds)

    def start_targets(self) -> None:
        """Start every target server; all of them answer."""
        for targets in self.targets.values():
            targets.start()

    def start_nodes(self, *, faketime: str = "", wait: float = 60, tree: Path | None = None) -> None:
        """Start every node, and wait until all are fresh and see well.

        The first to start is blind until its references, the others, are there.
        """
        for node in self.nodes.values():
            node.start(faketime, tree)
        for node in self.nodes.values():
            eventually(node.ended_or_fresh, wait, 0.1)
            assert node.host.process, node.site
            assert node.host.process.poll() is None, node.host.messages()
        if any("probe" in self.plans[site].roles for site in self.nodes):
            eventually(lambda: not any(node.metric("gslb_prober_blind") for node in self.nodes.values()), wait, 0.1)
            time.sleep(self.profile.doubt)

    def write(
        self, *, store: str | None = None, voting: bool = True, pool: str = "", more: str = "", workers: int = 1
    ) -> None:
        """Write the zones folder and every node file.

        `store` is YAML; without it etcd is the store where there are members, else sqlite. With `voting` every node
        that probes is a prober of all; without, each judges alone. `pool` and `more` are further lines of YAML.
        """
        self.zones.mkdir(exist_ok=True)
        for site, node in self.nodes.items():
            node.answers = "dns" in self.plans[site].roles
        (self.zones / "lab.yaml").write_text(self.zone(voting=voting, pool=pool))
        shared = f"{{type: etcd, endpoints: [{', '.join(self.etcd.endpoints)}], prefix: /gslb}}"
        chosen = store or (shared if self.etcd.members else "{type: sqlite}")
        for site, node in self.nodes.items():
            others = [f"'{n.reachable}'" for n in self.nodes.values() if n is not node]
            references = "" if voting else f"probe: {{references: [{', '.join(others)}]}}\n"
            node.write(self.zones, roles=self.plans[site].roles, store=chosen, workers=workers, more=references + more)

    def zone(self, *, voting: bool, pool: str = "") -> str:
        """The zones file: one pool with all targets, answered at NAME."""
        fast = self.profile
        times = f"interval: {fast.interval * 1e3:.0f}ms, timeout: {fast.timeout * 1e3:.0f}ms, jitter: {fast.jitter}"
        probers = "".join(
            f"  {node.name}: {{site: {site}, address: '{node.reachable}'}}\n"
            for site, node in self.nodes.items()
            if "probe" in self.plans[site].roles
        )
        members = "".join(
            f"      {site}-{number}: {{site: {site}, addresses: [{address}]}}\n"
            for site, addresses in self.addresses.items()
            for number, address in enumerate(addresses, 1)
        )
        return (
            f"sites: {{{', '.join(f'{site}: {{}}' for site in self.sites)}}}\n"
            + (f"probers:\n{probers}" if voting else "")
            + f"monitors:\n  web: {{type: http, port: {PORT}, {times}, fall: {fast.fall}, rise: {fast.rise}}}\n"
            f"pools:\n  web:\n    monitors: [web]\n    policy: all\n    max_answers: 1000\n{pool}"
            f"    members:\n{members}"
            "zones:\n  gslb.example.com:\n    soa: {mname: ns1, rname: hostmaster.example.com., serial: 1}\n"
            "    ns: [ns1]\n    records: {ns1: {A: [10.77.1.2]}}\n    names:\n      www: {pool: web, ttl: 5}\n"
        )

    # What happens

    def cut(self, site: str) -> float:
        """Cut the link of a site: for everybody else all in it is dead. Returns the moment."""
        when = self.network.cut(self.sites[site])
        self.truth.die(self.addresses[site], "cut", when)
        return when

    def heal(self, site: str) -> float:
        """Undo cut(). Returns the moment."""
        when = self.network.heal(self.sites[site])
        self.truth.live(self.addresses[site], "cut", when)
        return when

    def kill_site(self, site: str) -> float:
        """Everything in a site dies at once, link first. Returns the moment of the link."""
        when = self.cut(site)
        for host in self.hosts(site):
            host.kill()
        self.truth.die(self.addresses[site], "process", when)
        return when

    def revive_site(self, site: str) -> float:
        """Everything in a killed site starts again with the data that it had. Returns the moment of the link."""
        if site in self.targets:
            self.targets[site].start()
        for host in self.hosts(site):
            if host.process is None:
                host.restart()
        return self.heal(site)

    def turn(self, address: str, mode: str) -> float:
        """Change a target: "ok", "refuse", "tarpit" or "error". Returns the moment."""
        (site,) = (site for site, addresses in self.addresses.items() if address in addresses)
        return self.targets[site].turn(address, mode)  # type: ignore[arg-type]

    # What an operator does

    def drain(self, site: str, target: str, **more: str) -> tuple[dict[str, Any], float]:
        """Drain "site/tokyo" or "member/web/tokyo-1" on the node of a site: what the API said, and when.

        The truth knows it from the acknowledgement on; it must be acknowledged.
        """
        addresses, asked = self.drained_by(target), f"{target} asked for"
        self.truth.doubt(addresses, asked, time.monotonic())
        answer, when = self.nodes[site].drain(target, **more)
        assert answer.status == 201, answer.body
        assert answer.body["acknowledged"], answer.body
        self.truth.drained(addresses, answer.body["id"], when)
        self.truth.sure(addresses, asked, when)
        return answer.body, when

    def undrain(self, site: str, drain: dict[str, Any]) -> float:
        """End a drain on the node of a site. Returns when that was asked for."""
        when = time.monotonic()
        answer = self.nodes[site].undrain(drain["id"])
        assert answer.status == 200, answer.body
        self.truth.undrained(self.drained_by(drain["target"]), drain["id"], when)
        return when

    def drained_by(self, target: str) -> list[str]:
        """The addresses that a drain of this target takes out of answers."""
        kind, _, name = target.partition("/")
        if kind == "site":
            return self.addresses[name]
        if kind == "pool":
            return self.truth.addresses
        site, _, number = name.rpartition("/")[2].rpartition("-")
        return [self.addresses[site][int(number) - 1]]

    def status(self, site: str) -> dict[str, Any]:
        """GET /api/v1/status of the node of a site."""
        return self.nodes[site].status()

    def metric(self, site: str, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels, of the node of a site."""
        return self.nodes[site].metric(name, labels)

    def oracle(self, rate: float = 100, name: str = NAME) -> Oracle:
        """The client that asks every node that answers DNS; it has begun when this returns. One at a time."""
        nodes = {site: self.nodes[site].host.address for site in self.answering}
        self._oracles += 1
        return Oracle(self.client, nodes, self.truth, self.folder / f"oracle-{self._oracles}").start(rate, name)

    def inside(self, site: str, rate: float = 50) -> Oracle:
        """The same from within a site, of its own node alone; it knows nothing of the truth."""
        self._oracles += 1
        host = Host(self.network, Place(self.sites[site].site, 200 + self._oracles), self.folder / f"{site}-client")
        self._clients.append(host)
        nodes = {site: self.nodes[site].host.address}
        return Oracle(host, nodes, Truth(self.truth.addresses), self.folder / f"oracle-{self._oracles}").start(
            rate, NAME
        )

    def settled(self, oracle: Oracle, addresses: Iterable[str], seconds: float = 10) -> float:
        """Wait until every node answers exactly these. Returns how long that took."""
        return self.settled_at(oracle, dict.fromkeys(self.answering, addresses), seconds)

    def settled_at(self, oracle: Oracle, wanted: dict[str, Iterable[str]], seconds: float = 10) -> float:
        """Wait until the nodes of these sites answer exactly this. Returns how long that took."""
        sets = {site: frozenset(addresses) for site, addresses in wanted.items()}
        return eventually(lambda: sets.items() <= oracle.latest().items(), seconds, 0.1)
