"""Families of /metrics that are counters of the workers: sums over all of them, and how near each is to its limits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily

from gslb.server.publish import WorkerStatus

LABELLED: Final = {
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


def queries(totals: Mapping[str, int]) -> Metric:
    """By transport and family."""
    text = "Messages that were handed to the answering path."
    family = CounterMetricFamily("gslb_queries", text, labels=("transport", "family"))
    for transport in ("udp", "tcp"):
        sixes = totals[f"{transport}6_queries"]
        family.add_metric((transport, "4"), max(totals[f"{transport}_queries"] - sixes, 0))
        family.add_metric((transport, "6"), sixes)
    return family


def counters(totals: Mapping[str, int]) -> Iterator[Metric]:
    """All but those."""
    for name, (text, label, those) in LABELLED.items():
        family = CounterMetricFamily(f"gslb_{name}", text, labels=(label,))
        for value, counter in those.items():
            family.add_metric((value,), totals[counter])
        yield family
    for name, (text, counter) in SINGLE.items():
        yield CounterMetricFamily(f"gslb_{name}", text, totals[counter])


def saturation(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    """Of each living worker."""
    for name, (text, counter) in OF_EACH.items():
        family = CounterMetricFamily(f"gslb_worker_{name}", text, labels=("slot",))
        for worker in workers:
            family.add_metric((str(worker.slot),), worker.counters[counter])
        yield family
    text = "How late a worker's loop turned, looked at 40 times a second."
    lag = SummaryMetricFamily("gslb_worker_loop_lag_seconds", text, labels=("slot",))
    for worker in workers:
        seen = worker.counters
        lag.add_metric((str(worker.slot),), seen["loop_ticks"], seen["loop_lag_us"] / 1e6)
    yield lag
