"""What Prometheus reads at /metrics. Labels come from the configuration and from fixed lists, never from a query."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

import gslb
from gslb.api.expiry import expiry_lines
from gslb.api.pagelines import written
from gslb.api.views import ready_view, store_alarms
from gslb.control.controller import Controller
from gslb.control.council import Council
from gslb.health.votes import voters
from gslb.probe.lateness import BOUNDS
from gslb.probe.runner import Runner
from gslb.server.publish import WorkerStatus

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

OF_EACH: Final = {
    "udp_received": ("Datagrams that a worker received.", "udp_received"),
    "udp_batches": ("Batches of datagrams that a worker received.", "udp_batches"),
    "udp_full_batches": ("Batches that were full: more waited for the worker.", "udp_full_batches"),
    "udp_receive_drops": ("Datagrams lost because a worker's receive buffer was full.", "udp_kernel_drops"),
}
"""Counter of each living worker -> (help, its counter): how near to its limits it is."""


class Page(Collector):
    """One look at a node, taken when it is made. Counters are the sums over its workers, past ones included."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._states = controller.served.states if controller.served else {}
        self._pools = controller.served.config.pools if controller.served else {}
        self._rows = controller.recorder.page()
        self._days = controller.runner.certificates()
        self._families = [*self._quick()]

    def text(self) -> bytes:
        """The whole page, as CONTENT_TYPE. With thousands of members it takes its time: call it in a thread."""
        registry = CollectorRegistry()
        registry.register(self)
        lines = written(self._states, self._pools, self._rows) + expiry_lines(self._days)
        return generate_latest(registry) + lines.encode()

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All but what grows with the members."""
        return iter(self._families)

    def _quick(self) -> Iterator[Metric]:
        publisher = self._controller.publisher
        totals = publisher.totals()
        yield from _counters(totals)
        yield _gauge("tcp_open", "TCP connections open now.", totals["tcp_open"])
        lag = totals["loop_lag_max_us"] / 1e6
        yield _gauge("loop_lag_max_seconds", "The longest that a worker's loop was ever late.", lag)
        yield from self._node()
        workers = [worker for worker in publisher.workers() if worker.alive]
        yield from self._workers(workers)
        yield from _saturation(workers)
        yield from _probes(self._controller.runner)
        yield from _council(self._controller.council)
        yield from _others(self._controller)

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
        yield _gauge("drains", "Drains that hold now.", len(controller.intents.drains))
        yield _gauge("history_events", "Changes of health that are kept.", controller.recorder.kept)
        text = "Publications that the history never got, because it could not be written."
        yield CounterMetricFamily("gslb_history_dropped", text, controller.recorder.dropped)

    def _workers(self, workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
        counts = [((state,), sum(worker.state == state for worker in workers)) for state in _STATES]
        yield _gauges("workers", "Worker processes by state.", ("state",), counts)
        generations = [((str(worker.slot),), worker.generation) for worker in workers]
        yield _gauges("worker_generation", "The generation that a worker answers from.", ("slot",), generations)
        published = self._controller.generation
        lags = [((str(worker.slot),), max(published - worker.generation, 0)) for worker in workers]
        text = "How many generations a worker is behind what was published last."
        yield _gauges("worker_generation_lag", text, ("slot",), lags)


def _council(council: Council) -> Iterator[Metric]:
    yield _gauge("prober_blind", "1 while this prober's votes are withdrawn: see the log.", bool(council.blind))
    yield _gauge("voters", "Probers whose votes count now.", sum(1 for _ in voters(council.ballots)))
    text = "Targets on which the votes decide nothing, so that what was believed before is kept."
    yield _gauge("targets_no_quorum", text, sum(seen.no_quorum for seen in council.belief.values()))


def _others(controller: Controller) -> Iterator[Metric]:
    condition = controller.store.condition()
    yield _gauge("store_up", "1 while the store answers.", not condition.lost)
    yield _gauge(
        "store_alarms", "What is wrong with the store or in it: see gslb nodes.", len(store_alarms(controller))
    )
    yield _gauge("nodes", "Nodes that are registered, this one included.", len(controller.store.roster()))
    text = "Nodes that have served another configuration or other answers than this one for 10 seconds."
    yield _gauge("nodes_differing", text, len(controller.presence.alarms))
    text = "1 while this node's own prober decides alone, because the votes of others cannot be known."
    yield _gauge("own_votes", text, controller.council.lost)


def _counters(totals: Mapping[str, int]) -> Iterator[Metric]:
    for name, (text, label, counters) in LABELLED.items():
        family = CounterMetricFamily(f"gslb_{name}", text, labels=(label,))
        for value, counter in counters.items():
            family.add_metric((value,), totals[counter])
        yield family
    for name, (text, counter) in SINGLE.items():
        yield CounterMetricFamily(f"gslb_{name}", text, totals[counter])


def _saturation(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    for name, (text, counter) in OF_EACH.items():
        family = CounterMetricFamily(f"gslb_worker_{name}", text, labels=("slot",))
        for worker in workers:
            family.add_metric((str(worker.slot),), worker.counters[counter])
        yield family
    text = "How late a worker's loop turned, looked at 40 times a second."
    lag = SummaryMetricFamily("gslb_worker_loop_lag_seconds", text, labels=("slot",))
    for worker in workers:
        counters = worker.counters
        lag.add_metric((str(worker.slot),), counters["loop_ticks"], counters["loop_lag_us"] / 1e6)
    yield lag


def _probes(runner: Runner) -> Iterator[Metric]:
    yield _gauge("probe_targets", "Targets that are probed: monitors by addresses.", runner.targets)
    made = CounterMetricFamily(
        "gslb_probes", "Probes by their result; error: this node could not make it.", labels=("result",)
    )
    made.add_metric(("passed",), runner.probes - runner.failures)
    made.add_metric(("failed",), runner.failures)
    made.add_metric(("error",), runner.errors)
    yield made
    lateness = runner.lateness
    buckets = [*zip((*map(str, BOUNDS), "+Inf"), lateness.cumulative(), strict=True)]
    text = "How long after its time a probe started."
    yield HistogramMetricFamily("gslb_probe_lateness_seconds", text, buckets=buckets, sum_value=lateness.total)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gslb_{name}", text, value)


def _gauges(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(f"gslb_{name}", text, labels=labels)
    for place, value in values:
        family.add_metric(place, float(value))
    return family
