"""What Prometheus reads at /metrics. Labels come from the configuration and from fixed lists, never from a query."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

import gslb
from gslb.control.controller import Controller
from gslb.control.views import is_live, ready_view

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_STATES: Final = ("loading", "serving", "retiring")

LABELLED: Final = {
    "queries": (
        "Messages that were handed to the answering path.",
        "transport",
        {"udp": "udp_queries", "tcp": "tcp_queries"},
    ),
    "replies": (
        "Replies by their outcome; nodata is NOERROR without records.",
        "outcome",
        {
            name: name
            for name in (
                "noerror",
                "nodata",
                "nxdomain",
                "referral",
                "refused",
                "formerr",
                "notimp",
                "badvers",
                "badcookie",
                "servfail",
            )
        },
    ),
    "bad_packets": (
        "Messages that no well-behaved client sends, by kind.",
        "kind",
        {
            "not_a_query": "ignored",
            "formerr": "formerr",
            "notimp": "notimp",
            "badvers": "badvers",
            "port_zero": "udp_port_zero",
            "short_frame": "tcp_closed_frame",
            "slow_frame": "tcp_closed_slow",
        },
    ),
    "faults": (
        "Queries lost to a fault of ours. Anything but 0 is a bug to report.",
        "where",
        {"answering": "failed", "sockets": "respond_errors"},
    ),
    "udp_lost": (
        "Datagrams that were lost on this machine.",
        "where",
        {"receive_buffer": "udp_kernel_drops", "send_buffer": "udp_send_dropped", "send_error": "udp_send_errors"},
    ),
    "tcp_closed": (
        "TCP connections that the server ended, by reason.",
        "reason",
        {
            "idle": "tcp_closed_idle",
            "slow": "tcp_closed_slow",
            "frame": "tcp_closed_frame",
            "evicted": "tcp_evicted",
            "no_descriptor": "tcp_shed",
        },
    ),
}
"""Counter -> (help, label, value of the label -> counter of the workers)."""

SINGLE: Final = {
    "truncated": ("Replies with TC=1, which send the client to TCP; those of rate limiting too.", "truncated"),
    "cookies_good": ("Queries with a server cookie that proves their source.", "cookies_good"),
    "cookies_learned": ("Cookies that were read in full; those of other queries were remembered.", "cookies_learned"),
    "rate_limited": ("Replies that rate limiting held back or cut short, or would have in a dry run.", "rate_limited"),
    "fail_open": ("Answers with no live site behind them, by all_down.", "fail_open"),
    "not_ready": ("SERVFAIL because nothing is known yet.", "not_ready"),
    "udp_received": ("Datagrams received.", "udp_received"),
    "udp_sent": ("Datagrams sent.", "udp_sent"),
    "udp_batches": ("Batches of datagrams received.", "udp_batches"),
    "udp_full_batches": ("Batches that were full: more waited.", "udp_full_batches"),
    "tcp_accepted": ("TCP connections accepted.", "tcp_accepted"),
}
"""Counter -> (help, counter of the workers)."""


def exposition(controller: Controller) -> bytes:
    """The whole page, as CONTENT_TYPE."""
    registry = CollectorRegistry()
    registry.register(_Node(controller))
    return generate_latest(registry)


class _Node(Collector):
    """One look at a node. Counters are the sums over its workers, past ones included."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: a look is taken when it is asked for."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything."""
        totals = self._controller.publisher.totals()
        yield from _counters(totals)
        yield _gauge("tcp_open", "TCP connections open now.", totals["tcp_open"])
        lag = totals["loop_lag_max_us"] / 1e6
        yield _gauge("loop_lag_max_seconds", "The longest that a worker's loop was ever late.", lag)
        yield from self._node()
        yield from self._workers()
        yield from self._members()

    def _node(self) -> Iterator[Metric]:
        controller = self._controller
        node = controller.plan.config.node
        labels = {"version": gslb.__version__, "node": node.name, "site": node.site}
        yield _gauges("info", "Always 1.", tuple(labels), [(tuple(labels.values()), 1)])
        ready = [((kind,), value) for kind, value in ready_view(controller).items()]
        yield _gauges("ready", "1 where the node is: serving, and fresh (see /readyz).", ("kind",), ready)
        yield _gauge("generation", "The generation that was published last.", controller.generation)
        yield _gauge("config_loaded_timestamp_seconds", "When the configuration was loaded.", controller.loaded)
        yield _gauge("config_problems", "Problems that the last reload was refused for.", len(controller.problems))
        yield _gauge("drains", "Drains that hold now.", len(controller.drains))

    def _workers(self) -> Iterator[Metric]:
        workers = [worker for worker in self._controller.publisher.workers() if worker.alive]
        counts = [((state,), sum(worker.state == state for worker in workers)) for state in _STATES]
        yield _gauges("workers", "Worker processes by state.", ("state",), counts)
        generations = [((str(worker.slot),), worker.generation) for worker in workers]
        yield _gauges("worker_generation", "The generation that a worker answers from.", ("slot",), generations)

    def _members(self) -> Iterator[Metric]:
        states = self._controller.served.states if self._controller.served else {}
        members = [(pool, member) for pool, those in states.items() for member in those.values()]
        labels = ("pool", "member", "site")
        places = [((pool, member.member, member.site), member) for pool, member in members]
        live = [(place, is_live(member)) for place, member in places]
        drained = [(place, bool(member.drain)) for place, member in places]
        yield _gauges("member_live", "1 while an address of the member is served.", labels, live)
        yield _gauges("member_drained", "1 while a drain covers the member.", labels, drained)
        addresses = [
            ((pool, member.member, address.address, state), address.effective == state)
            for pool, member in members
            for address in member.addresses
            for state in ("up", "down", "unknown")
        ]
        wanted = (*labels[:2], "address", "state")
        yield _gauges("address_state", "1 for the state that an address is served by.", wanted, addresses)


def _counters(totals: Mapping[str, int]) -> Iterator[Metric]:
    for name, (text, label, counters) in LABELLED.items():
        family = CounterMetricFamily(f"gslb_{name}", text, labels=(label,))
        for value, counter in counters.items():
            family.add_metric((value,), totals[counter])
        yield family
    for name, (text, counter) in SINGLE.items():
        yield CounterMetricFamily(f"gslb_{name}", text, totals[counter])


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gslb_{name}", text, value)


def _gauges(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(f"gslb_{name}", text, labels=labels)
    for place, value in values:
        family.add_metric(place, float(value))
    return family
