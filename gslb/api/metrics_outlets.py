"""Families of /metrics about what leaves the node beside answers: dnstap messages and notifications."""

from collections import Counter
from collections.abc import Iterable, Iterator

from gslb.api.families import Family, Sample, labelled
from gslb.control.notify import Delivery
from gslb.control.tap import TapFigures


def outlet_families(tap: TapFigures, deliveries: Iterable[Delivery]) -> Iterator[Family]:
    """All of them."""
    yield Family("dnstap_connected", "gauge", "1 while a dnstap reader is connected.", [Sample("", int(tap.connected))])
    yield Family("dnstap_messages", "counter", "dnstap messages sent to the reader.", [Sample("", tap.sent)])
    lost = {"no_reader": tap.unread, "ring_full": tap.overflowed}
    text = "dnstap messages dropped, because nobody read them or not fast enough."
    yield Family(
        "dnstap_dropped", "counter", text, [Sample(labelled(reason=why), count) for why, count in lost.items()]
    )
    counts: Counter[tuple[str, str]] = Counter()
    dropped: Counter[str] = Counter()
    for one in deliveries:
        counts[one.sink, "arrived"] += one.sent
        counts[one.sink, "failed"] += one.failed
        dropped[one.sink] += one.dropped
    results = [Sample(labelled(sink=sink, result=result), count) for (sink, result), count in counts.items()]
    yield Family("notifications", "counter", "Attempts to send a message to a webhook, by result.", results)
    given_up = [Sample(labelled(sink=sink), count) for sink, count in dropped.items()]
    yield Family("notifications_dropped", "counter", "Notices that a webhook never took.", given_up)
