"""The Zabbix template: its structure, its references, and that the page has every metric that it reads."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import yaml

from tests.api.test_metrics import read
from tests.conftest import ROOT
from tests.whole_node import Node, node, stopped_node

__all__ = ["node", "stopped_node"]

EXPORT = yaml.safe_load((ROOT / "deploy/zabbix/template_gslb.yaml").read_text())["zabbix_export"]
(TEMPLATE,) = EXPORT["templates"]
HOST = TEMPLATE["template"]
RULES = TEMPLATE["discovery_rules"]
PROTOTYPES = [item for rule in RULES for item in rule["item_prototypes"]]
ITEMS = [*TEMPLATE["items"], *PROTOTYPES]
KEYS = [item["key"] for item in ITEMS]
MACRO = re.compile(r"\{\$[A-Z.]+\}")
LLD_MACRO = re.compile(r"\{#[A-Z]+\}")
FROM_A_TARGET = {"gslb_tls_expiry_days", "gslb_site_availability"}  # there once a certificate was seen, or time went by


def dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """All of them, at any depth."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from dictionaries(part)


TRIGGERS = [
    trigger
    for place in dictionaries(EXPORT)
    for key in ("triggers", "trigger_prototypes")
    for trigger in place.get(key, [])
]


def test_the_format_and_the_identifiers() -> None:
    assert EXPORT["version"] == "6.0"
    found = [place["uuid"] for place in dictionaries(EXPORT) if "uuid" in place]
    assert len(found) == len(set(found)) > 60
    for text in found:
        parsed = UUID(text)
        assert (parsed.version, parsed.variant, parsed.hex) == (4, "specified in RFC 4122", text)


def test_keys_and_names_are_unique() -> None:
    assert len(KEYS) == len(set(KEYS))
    for named in (ITEMS, TRIGGERS):
        names = [one["name"] for one in named]
        assert len(names) == len(set(names))


def test_one_request_is_all_that_a_node_gets() -> None:
    masters = [item for item in ITEMS if item["type"] != "DEPENDENT"]
    assert [(item["type"], item["key"], item["url"]) for item in masters] == [
        ("HTTP_AGENT", "gslb.metrics", "{$GSLB.URL}/metrics")
    ]
    dependent = [one["master_item"]["key"] for one in (*ITEMS, *RULES) if "master_item" in one]
    assert set(dependent) == {"gslb.metrics"}
    assert len(dependent) == len(ITEMS) - 1 + len(RULES)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger["name"])
def test_every_trigger_says_what_to_do_about_items_that_there_are(trigger: dict[str, Any]) -> None:
    used = re.findall(rf"\w+\(/{re.escape(HOST)}/([\w.]+(?:\[[^\]]*\])?)", trigger["expression"])
    assert used
    assert set(used) <= set(KEYS)
    assert len(trigger["description"]) > 30
    assert trigger["priority"] in ("INFO", "WARNING", "AVERAGE", "HIGH", "DISASTER")
    known = {(other["name"], other["expression"]) for other in TRIGGERS}
    assert {(other["name"], other["expression"]) for other in trigger.get("dependencies", [])} <= known


def test_macros_and_value_maps_are_defined() -> None:
    text = str({**TEMPLATE, "macros": []})
    assert set(MACRO.findall(text)) == {macro["macro"] for macro in TEMPLATE["macros"]}
    assert {item["valuemap"]["name"] for item in ITEMS if "valuemap" in item} == {
        valuemap["name"] for valuemap in TEMPLATE["valuemaps"]
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["key"])
def test_discovery_defines_what_its_prototypes_use(rule: dict[str, Any]) -> None:
    defined = {path["lld_macro"] for path in rule["lld_macro_paths"]}
    assert set(LLD_MACRO.findall(str(rule["item_prototypes"]))) <= defined
    assert set(LLD_MACRO.findall(str(rule.get("trigger_prototypes", [])))) <= defined
    for item in rule["item_prototypes"]:
        assert LLD_MACRO.search(item["key"])


def test_graphs_and_widgets_show_what_there_is() -> None:
    graphs = [*EXPORT["graphs"], *(graph for rule in RULES for graph in rule.get("graph_prototypes", []))]
    for graph in graphs:
        assert {part["item"]["key"] for part in graph["graph_items"]} <= set(KEYS)
    names = {graph["name"] for graph in graphs}
    widgets = [widget for board in TEMPLATE["dashboards"] for page in board["pages"] for widget in page["widgets"]]
    shown = [field["value"] for widget in widgets for field in widget["fields"] if isinstance(field["value"], dict)]
    assert len(shown) == len(widgets) > 8
    assert {value["host"] for value in shown} == {HOST}
    assert {value["key"] for value in shown if "key" in value} <= set(KEYS)
    assert {value["name"] for value in shown if "name" in value} == names
    for widget in widgets:
        assert int(widget.get("x", 0)) + int(widget["width"]) <= 24


async def test_the_page_has_every_metric(node: Node) -> None:
    await node.ask()
    samples = [sample for family in (await read(node)).values() for sample in family.samples]
    steps = [step for one in (*ITEMS, *RULES) for step in one.get("preprocessing", [])]
    patterns = [step["parameters"][0] for step in steps if step["type"].startswith("PROMETHEUS")]
    assert len(patterns) == len(ITEMS) - 1 + len(RULES)
    for pattern in patterns:
        name, _, labels = pattern.partition("{")
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        fixed = {key: value for key, value in wanted.items() if not value.startswith("{#")}
        fits = [
            s
            for s in samples
            if s.name == name and fixed.items() <= s.labels.items() and wanted.keys() <= s.labels.keys()
        ]
        assert fits or name in FROM_A_TARGET, pattern


async def test_discovery_finds_labels(node: Node) -> None:
    families = await read(node)
    for rule in RULES:
        name = rule["preprocessing"][0]["parameters"][0]
        wanted = {path["path"].removeprefix("$.labels.") for path in rule["lld_macro_paths"]}
        assert name in FROM_A_TARGET or wanted <= set(families[name].samples[0].labels)
