"""How things are broken and mended in a lab, and what is on record of it."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from gslb.server.processes import ProcessId
from tests.e2e.kit import eventually
from tests.e2e.lab.host import Host, alive
from tests.e2e.lab.lab import Lab
from tests.e2e.lab.net import Place
from tests.e2e.lab.outages import ETCD, NODE, Kind, Layout, Outage
from tests.e2e.lab.owed import SLOW
from tests.e2e.lab.schedule import Step

_AWAY = 1.0  # seconds until a call that finds nobody has found another member
_SPARE = 0.3  # seconds that a process which was killed needs to be gone


def layout_of(lab: Lab) -> Layout:
    """Who is where in a lab."""
    return Layout(
        {site: place.site for site, place in lab.sites.items()},
        {site: lab.plans[site].roles for site in lab.nodes},
        list(lab.etcd.members),
        {address: site for site, addresses in lab.addresses.items() for address in addresses},
    )


Mend = Callable[[], object]


class Breaker:
    """Does the steps of a schedule, one after another. `outages` is what it did, for the judge."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.outages: list[Outage] = []
        self._reloads = 0
        self._doing: dict[str, Callable[[Step], Mend | None]] = {
            "kill worker": self._kill_worker,
            "stop worker": self._stop_worker,
            "kill supervisor": self._kill_supervisor,
            "kill control": self._kill_control,
            "stop control": self._stop_control,
            "kill node": self._kill_node,
            "stop node": self._stop_node,
            "cut node": lambda step: self._cut_host(step.where, NODE, SLOW),
            "lossy node": self._lossy_node,
            "cut site": self._cut_site,
            "kill site": self._kill_site,
            "kill member": lambda step: self._kill_members(step.where),
            "stop member": lambda step: self._stop_members(step.where),
            "cut member": lambda step: self._cut_host(step.where, ETCD, self._missed(step.where)),
            "kill leader": lambda _: self._kill_members(self._lab.etcd.leader() or self._some_member()),
            "kill etcd": lambda _: self._kill_members(*self._lab.etcd.members),
            "stop etcd": lambda _: self._stop_members(*self._lab.etcd.members),
            "lossy link": lambda step: self._lossy(self._place(step.where, NODE), step.detail, SLOW),
            "lossy sites": lambda step: self._lossy(
                self._place(step.where), step.detail, self._missed(step.where, step.detail.split()[0])
            ),
            "turn target": self._turn,
            "kill targets": self._kill_targets,
            "stop targets": self._stop_targets,
            "reload": self._reload,
        }

    def do(self, step: Step) -> Mend:
        """Break something. Returns what mends it, and ends it on record."""
        count = len(self.outages)
        begun = time.monotonic()
        mend = self._doing[step.kind](step)
        for at in range(count, len(self.outages)):
            self.outages[at] = self.outages[at]._replace(begin=begun)
        mine = range(count, len(self.outages))

        def over() -> None:
            if mend:
                mend()
            for at in mine:
                self.outages[at] = self.outages[at]._replace(end=time.monotonic())

        return over

    def _note(self, kind: Kind, site: str, slow: float = 0.0) -> None:
        self.outages.append(Outage(kind, 0.0, site=site, slow=slow))

    def _note_path(self, place: Place | None, to: Place | None, share: float = 1.0, slow: float = SLOW) -> None:
        self.outages.append(Outage("path", 0.0, place=place, to=to, share=share, slow=slow))

    def _missed(self, *sites: str) -> float:
        """How long the store may be without these members: only the leader is missed for longer."""
        return SLOW if self._lab.etcd.leader() in (None, *sites) else _AWAY

    def _place(self, site: str, host: int = 0) -> Place:
        return Place(self._lab.sites[site].site, host)

    def _some_member(self) -> str:
        return next(iter(self._lab.etcd.members))

    # Nodes

    def _note_node(self, site: str) -> None:
        self._note("control", site)
        self._note("dns", site)

    def _worker(self, site: str) -> int:
        node = self._lab.nodes[site]
        eventually(lambda: any(map(alive, node.workers())), 10)
        return next(filter(alive, node.workers()))

    def _control(self, site: str) -> int:
        node = self._lab.nodes[site]
        eventually(lambda: alive(node.control()), 10)
        return node.control()

    def _kill_worker(self, step: Step) -> None:
        self._note("dns", step.where)
        _signal(self._worker(step.where), signal.SIGKILL)

    def _stop_worker(self, step: Step) -> Mend:
        self._note("dns", step.where)
        _signal(self._worker(step.where), signal.SIGSTOP)
        return lambda: None  # the supervisor replaces it

    def _kill_supervisor(self, step: Step) -> Mend:
        host = self._lab.nodes[step.where].host
        self._note_node(step.where)
        assert host.process
        host.process.kill()
        return host.relaunch

    def _kill_control(self, step: Step) -> Mend:
        self._note("control", step.where)
        _signal(self._control(step.where), signal.SIGKILL)
        return lambda: time.sleep(_SPARE)

    def _stop_control(self, step: Step) -> Mend:
        self._note("control", step.where)
        pid = self._control(step.where)
        _signal(pid, signal.SIGSTOP)
        return lambda: _signal(pid, signal.SIGCONT)

    def _kill_node(self, step: Step) -> Mend:
        host = self._lab.nodes[step.where].host
        self._note_node(step.where)
        host.kill()
        return host.restart

    def _stop_node(self, step: Step) -> Mend:
        host = self._lab.nodes[step.where].host
        self._note_node(step.where)
        host.stop()
        return host.resume

    def _lossy_node(self, step: Step) -> Mend:
        place, share = self._place(step.where, NODE), float(step.detail)
        self._note("dns", step.where)
        self._note_path(place, None, share)
        self._lab.network.lose(place, None, share)
        return lambda: self._lab.network.lose(place, None, 0)

    # Networks

    def _cut_host(self, site: str, host: int, slow: float) -> Mend:
        place = self._place(site, host)
        self._note_path(place, None, slow=slow)
        self._note_path(None, place, slow=slow)
        self._lab.network.cut(place)
        return lambda: self._lab.network.heal(place)

    def _cut_site(self, step: Step) -> Mend:
        slow = self._missed(step.where)
        self._note_path(self._place(step.where), None, slow=slow)
        self._note_path(None, self._place(step.where), slow=slow)
        self._lab.cut(step.where)
        return lambda: self._lab.heal(step.where)

    def _kill_site(self, step: Step) -> Mend:
        self._note_node(step.where)
        self._note("member", step.where, self._missed(step.where))
        self._lab.kill_site(step.where)
        return lambda: self._lab.revive_site(step.where)

    def _lossy(self, place: Place, detail: str, slow: float) -> Mend:
        site, share = detail.split()
        to = self._place(site)
        self._note_path(place, to, float(share), slow)
        self._lab.network.lose(place, to, float(share))
        return lambda: self._lab.network.lose(place, to, 0)

    # The store

    def _note_members(self, *sites: str) -> None:
        slow = SLOW if len(sites) > 1 else self._missed(*sites)
        for site in sites:
            self._note("member", site, slow)

    def _kill_members(self, *sites: str) -> Mend:
        self._note_members(*sites)
        self._lab.etcd.kill(*sites)
        return lambda: each(Host.restart, [self._lab.etcd.members[site] for site in sites])

    def _stop_members(self, *sites: str) -> Mend:
        self._note_members(*sites)
        hosts = [self._lab.etcd.members[site] for site in sites]
        each(Host.stop, hosts)
        return lambda: each(Host.resume, hosts)

    # Targets and configuration

    def _turn(self, step: Step) -> Mend:
        number, mode = step.detail.split()
        address = self._lab.addresses[step.where][int(number)]
        self._lab.turn(address, mode)
        return lambda: self._lab.turn(address, "ok")

    def _kill_targets(self, step: Step) -> Mend:
        self._lab.targets[step.where].kill()
        return self._lab.targets[step.where].start

    def _stop_targets(self, step: Step) -> Mend:
        self._lab.targets[step.where].stop()
        return self._lab.targets[step.where].resume

    def _reload(self, _: Step) -> None:
        """Another weight in the zones folder, which every node that is there is told to read."""
        file = self._lab.zones / "lab.yaml"
        self._reloads += 1
        weight = 10 + self._reloads % 90
        text = re.sub(r"(      tokyo-1: {site: tokyo, )(weight: \d+, )?", rf"\g<1>weight: {weight}, ", file.read_text())
        file.with_suffix(".new").write_text(text)
        file.with_suffix(".new").replace(file)
        for node in self._lab.nodes.values():
            process = node.host.process and ProcessId.of(node.host.process.pid)
            if process and process.catches(signal.SIGHUP):  # one that only begins reads the new file anyway
                node.reload()


def each(does: Callable[[Host], object], hosts: Iterable[Host]) -> None:
    for host in hosts:
        does(host)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
