"""Metrics of dnstap and notifications, from values."""

from gslb.api.families import written
from gslb.api.metrics_outlets import outlet_families
from gslb.control.notify import Delivery
from gslb.control.tap import TapFigures


def test_every_number_has_its_place() -> None:
    sinks = [
        Delivery("slack h", True, "", 5, 1, 0),
        Delivery("slack h", False, "HTTP 500", 1, 9, 3),  # two webhooks of one host count together
        Delivery("alertmanager a:9093", True, "", 7),
    ]
    lines = written(outlet_families(TapFigures(10, 2, 3, True), sinks)).splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "gslb_dnstap_connected 1",
        "gslb_dnstap_messages_total 10",
        'gslb_dnstap_dropped_total{reason="no_reader"} 2',
        'gslb_dnstap_dropped_total{reason="ring_full"} 3',
        'gslb_notifications_total{sink="slack h",result="arrived"} 6',
        'gslb_notifications_total{sink="slack h",result="failed"} 10',
        'gslb_notifications_total{sink="alertmanager a:9093",result="arrived"} 7',
        'gslb_notifications_total{sink="alertmanager a:9093",result="failed"} 0',
        'gslb_notifications_dropped_total{sink="slack h"} 3',
        'gslb_notifications_dropped_total{sink="alertmanager a:9093"} 0',
    ]


def test_nothing_is_said_of_sinks_that_are_not_there() -> None:
    lines = written(outlet_families(TapFigures(0, 0, 0, False), [])).splitlines()
    assert not any(line.startswith("gslb_notifications") for line in lines)
