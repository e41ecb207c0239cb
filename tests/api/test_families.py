"""Families written by hand, read back by the parsers of both formats."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from gslb.api.families import Family, Sample, buckets, labelled, written

ODD = 'a "quoted\\name"\nin two lines'


def page() -> list[Family]:
    labels = labelled(monitor=ODD)
    return [
        Family("targets", "gauge", "Some.", [Sample(labelled(zone=ODD, name="www"), 1.5), Sample("", 2)]),
        Family("answers", "counter", "More.", [Sample(labels, 7)]),
        Family("took", "histogram", "Most.", buckets(labels, ("0.5", "1.0"), (1, 1, 4), 9.5)),
    ]


@pytest.mark.parametrize("openmetrics", [False, True])
def test_both_formats_say_the_same(openmetrics: bool) -> None:
    text = written(page(), openmetrics=openmetrics)
    parse = openmetrics_families if openmetrics else text_string_to_metric_families
    gauge, counter, histogram = parse(text + ("# EOF\n" if openmetrics else ""))
    assert [(family.name, family.type) for family in (gauge, counter, histogram)] == [
        ("gslb_targets", "gauge"),
        ("gslb_answers", "counter"),
        ("gslb_took", "histogram"),
    ]
    assert [(s.labels, s.value) for s in gauge.samples] == [({"zone": ODD, "name": "www"}, 1.5), ({}, 2)]
    assert [(s.name, s.labels, s.value) for s in counter.samples] == [("gslb_answers_total", {"monitor": ODD}, 7)]
    assert {(s.name.removeprefix("gslb_took_"), s.labels.get("le")): s.value for s in histogram.samples} == {
        ("bucket", "0.5"): 1,
        ("bucket", "1.0"): 1,
        ("bucket", "+Inf"): 4,
        ("count", None): 4,
        ("sum", None): 9.5,
    }


def test_a_histogram_without_labels() -> None:
    assert [sample.labels for sample in buckets("", ("1.0",), (1, 2), 3.0)] == ['{le="1.0"}', '{le="+Inf"}', "", ""]
