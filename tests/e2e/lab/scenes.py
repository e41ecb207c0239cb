"""Three data centres, the third a witness: how they start, and how it shows that they are one again."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.kit import eventually
from tests.e2e.lab.lab import Lab, Plan
from tests.e2e.lab.oracle import Fault, Oracle

WITNESS = Plan(targets=0, roles="probe, api")
# What dies often here must be back at once; a small quota is soon filled.
STEADY = "    damping: false\n"
QUOTA = ("--quota-backend-bytes", str(16 << 20))
CONVERGED = 5.0  # seconds within which all is as it should be after anything


def three(make: Callable[..., Lab], **more: Plan) -> Lab:
    """Start them, with `more` sites."""
    lab = make(tokyo=Plan(targets=2), osaka=Plan(targets=2), witness=WITNESS, **more)
    started(lab)
    return lab


def started(lab: Lab, faketime: str = "", pool: str = STEADY, workers: int = 1, tree: Path | None = None) -> None:
    """Start everything in a lab, and wait until it is one. `tree` is the folder of another version."""
    lab.etcd.flags = QUOTA
    lab.start_etcd()
    lab.write(pool=pool, workers=workers)
    lab.start_targets()
    lab.start_nodes(faketime=faketime, tree=tree)
    eventually(lambda: alike(lab), 60, 0.1)


def views(lab: Lab, sites: Iterable[str] = ()) -> Mapping[str, dict[str, Any]]:
    """GET /api/v1/nodes of the nodes of these sites, or of all."""
    return {site: lab.nodes[site].nodes() for site in sites or lab.nodes}


def alike(lab: Lab) -> bool:
    """Whether every node sees all nodes, none of them blind, behind or different, and a store in order."""
    found: Mapping[str, dict[str, Any]] = {}
    with suppress(OSError):
        found = views(lab)
    return bool(found) and not any(list(troubles(lab, view)) for view in found.values())


def troubles(lab: Lab, view: dict[str, Any]) -> Iterable[str]:
    """What a node says that is not well with all the nodes."""
    store, nodes = view["store"], view["nodes"]
    yield from (
        f"{node.name} is not there" for node in lab.nodes.values() if node.name not in {n["name"] for n in nodes}
    )
    yield from (f"{n['name']}: {n[what]} {what}" for n in nodes for what in ("differs", "behind", "blind") if n[what])
    yield from (*view["alarms"], *store["alarms"])
    if store["lost"] or store["belief"] != "votes":
        yield "the store is lost"


def is_well(lab: Lab) -> bool:
    """Whether a lab can be used once more: everything runs, nothing is dead, drained, cut or broken."""
    now = time.monotonic()
    if lab.network.disturbed or not all(lab.truth.good_for(address, now) for address in lab.truth.addresses):
        return False
    if any(host.process is None or host.process.poll() is not None for host in lab.hosts()):
        return False
    try:
        eventually(lambda: alike(lab), 10, 0.1)
    except AssertionError:
        return False
    return not any(lab.status(site)["drains"] for site in lab.nodes)


def converged(lab: Lab, oracle: Oracle, addresses: Iterable[str], seconds: float = 30) -> float:
    """Wait until all nodes are alike and answer exactly these. Returns how long that took."""
    wanted = dict.fromkeys(lab.answering, frozenset(addresses))
    begun = time.monotonic()
    try:
        return eventually(lambda: oracle.latest() == wanted and alike(lab), seconds, 0.05)
    except AssertionError:
        seen = {site: list(troubles(lab, view)) for site, view in views(lab).items()}
        raise AssertionError(f"{time.monotonic() - begun:.1f} s: {oracle.latest()}, not {wanted}; {seen}") from None


def summed(faults: Sequence[Fault]) -> str:
    """Faults for people: how many of a kind, by which node, and when."""
    kinds: dict[tuple[str, str, str], list[float]] = {}
    for fault in faults:
        kinds.setdefault((fault.kind, fault.answer.node, " ".join(fault.addresses)), []).append(fault.answer.sent)
    return "; ".join(f"{len(t)} {' '.join(key)} from {min(t):.2f} to {max(t):.2f}" for key, t in kinds.items())


def assert_right(lab: Lab, oracle: Oracle, begin: float = 0.0, end: float = float("inf"), **limits: float) -> None:
    """No wrong answer by the truth, and none that left out what lived."""
    allowed = lab.profile.limits._replace(**limits)
    wrong = oracle.wrong(allowed, begin, end)
    assert not wrong, summed(wrong)
    missed = oracle.false_failovers(allowed, begin, end)
    assert not missed, missed
