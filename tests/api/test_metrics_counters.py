"""Counters of workers as families."""

from gslb.api.metrics_counters import counters, queries, saturation
from gslb.server.publish import WorkerStatus
from gslb.server.stats import COUNTER_NAMES

ZERO = dict.fromkeys(COUNTER_NAMES, 0)


def test_queries_are_told_by_transport_and_family() -> None:
    family = queries(ZERO | {"udp_queries": 7, "udp6_queries": 2, "tcp6_queries": 1})  # a tick may lie between them
    assert {tuple(s.labels.values()): s.value for s in family.samples} == {
        ("udp", "4"): 5,
        ("udp", "6"): 2,
        ("tcp", "4"): 0,
        ("tcp", "6"): 1,
    }


def test_every_counter_has_one_name() -> None:
    names = [family.name for family in counters(ZERO)]
    assert len(names) == len(set(names))


def test_workers_are_told_by_slot() -> None:
    workers = [WorkerStatus(slot, 1, 1, True, "serving", ZERO | {"udp_received": slot}) for slot in (3, 5)]
    received = next(family for family in saturation(workers) if family.name == "gslb_worker_udp_received")
    assert {s.labels["slot"]: s.value for s in received.samples} == {"3": 3, "5": 5}
