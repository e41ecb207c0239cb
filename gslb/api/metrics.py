"""What Prometheus reads at /metrics. Labels come from the configuration and from fixed lists, never from a query."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

import gslb
from gslb.api import families
from gslb.api.accept import best as accepted
from gslb.api.expiry import expiry_lines
from gslb.api.families import Family, Sample, buckets, labelled
from gslb.api.metrics_answers import answer_families, duration_family, share_families
from gslb.api.metrics_counters import counters, queries, saturation
from gslb.api.metrics_outlets import outlet_families
from gslb.api.metrics_process import process_families
from gslb.api.metrics_state import Moment, state_families
from gslb.api.pagelines import written
from gslb.api.views import ready_view, store_alarms
from gslb.control.controller import Controller
from gslb.control.council import Council
from gslb.health.votes import voters
from gslb.probe.durations import BOUNDS as DURATION_BOUNDS
from gslb.probe.durations import Durations
from gslb.probe.lateness import BOUNDS
from gslb.probe.runner import Runner
from gslb.server.publish import WorkerStatus

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_FORMS: Final = ("application/openmetrics-text", "text/plain")
_END: Final = b"# EOF\n"
_STATES: Final = ("loading", "serving", "retiring")


def form_of(accept: str) -> tuple[bool, str]:
    """The form that a scraper takes, by its Accept header: whether it is OpenMetrics, and its media type."""
    openmetrics = _FORMS[0] in accept.lower() and accepted(accept, _FORMS) == _FORMS[0]
    return openmetrics, OPENMETRICS if openmetrics else CONTENT_TYPE


class Page(Collector):
    """One look at a node, taken when it is made. Counters are the sums over its workers, past ones included."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._states = controller.served.states if controller.served else {}
        self._pools = controller.served.config.pools if controller.served else {}
        self._rows = controller.recorder.page()
        self._days = controller.runner.certificates()
        self._moment = Moment.of(controller)
        self._outlets = controller.tap.figures, controller.notifier.deliveries
        self._workers = [worker for worker in controller.publisher.workers() if worker.alive]
        self._totals = controller.publisher.totals()
        self._families = [*self._quick()]

    def text(self, *, openmetrics: bool = False) -> bytes:
        """The whole page, as CONTENT_TYPE or OPENMETRICS. With thousands of members it takes its time: call it in a
        thread."""
        registry = CollectorRegistry()
        registry.register(self)
        head = generate_latest(registry)
        if openmetrics:
            head = generate_openmetrics(registry).removesuffix(_END)  # type: ignore[no-untyped-call]
        lines = written(self._states, self._pools, self._rows) + expiry_lines(self._days)
        lines += families.written(self._slow(), openmetrics=openmetrics)
        return head + lines.encode() + (_END if openmetrics else b"")

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All but what grows with the members."""
        return iter(self._families)

    def _slow(self) -> Iterator[Family]:
        """What is read from files, or grows with names and members; for the thread that writes the page."""
        yield from answer_families(self._controller.publisher.tallied())
        yield duration_family(self._totals)
        yield from share_families(self._states, self._pools)
        yield from state_families(self._moment)
        yield from outlet_families(*self._outlets)
        yield from _probe_families(self._controller.runner.durations)
        workers = [("worker", str(worker.slot), worker.pid) for worker in self._workers if worker.pid != os.getpid()]
        yield from process_families([("control", "", os.getpid()), *workers])

    def _quick(self) -> Iterator[Metric]:
        totals, workers = self._totals, self._workers
        yield queries(totals)
        yield from counters(totals)
        yield _gauge("tcp_open", "TCP connections open now.", totals["tcp_open"])
        lag = totals["loop_lag_max_us"] / 1e6
        yield _gauge("loop_lag_max_seconds", "The longest that a worker's loop was ever late.", lag)
        yield from self._node()
        yield from self._of_workers(workers)
        yield from saturation(workers)
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

    def _of_workers(self, workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
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


def _probe_families(durations: Durations) -> Iterator[Family]:
    bounds = [*map(str, DURATION_BOUNDS)]
    took = (
        sample
        for monitor, one in durations.took.items()
        for sample in buckets(labelled(monitor=monitor), bounds, one.cumulative(), one.total)
    )
    yield Family("probe_duration_seconds", "histogram", "How long the probes of a monitor took.", took)
    failed = [
        Sample(labelled(monitor=name, reason=reason), count) for (name, reason), count in [*durations.failures.items()]
    ]
    yield Family("probe_failures", "counter", "Probes of a monitor that failed, by reason.", failed)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gslb_{name}", text, value)


def _gauges(name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(f"gslb_{name}", text, labels=labels)
    for place, value in values:
        family.add_metric(place, float(value))
    return family
