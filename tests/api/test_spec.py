"""The OpenAPI document."""

import re
from typing import Any

from gslb.api.call import OPEN
from gslb.api.routes import ROUTES
from gslb.api.spec import document, plain_path, tag_of

DOCUMENT = document(ROUTES)


def references(value: Any) -> set[str]:
    """All `$ref` in a document."""
    if isinstance(value, dict):
        return (
            {value["$ref"]} & {value.get("$ref")} if "$ref" in value else set().union(*map(references, value.values()))
        )
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_route_is_in_it() -> None:
    for route in ROUTES:
        one = DOCUMENT["paths"][plain_path(route.path)][route.method.lower()]
        assert one["summary"] == route.summary
        assert str(route.status) in one["responses"]
        assert ("security" in one) == (route.scope == OPEN)
        assert route.scope == OPEN or {"401", "403", "422", "429"} <= one["responses"].keys()
        named = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", plain_path(route.path)))


def test_operations_have_names_of_their_own() -> None:
    names = [one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names)) == len(ROUTES)


def test_references_lead_somewhere() -> None:
    for reference in references(DOCUMENT):
        _, kind, group, name = reference.split("/")
        assert name in DOCUMENT[kind][group]


def test_objects_have_no_other_fields() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if schema["type"] == "object":
            assert (name, schema["additionalProperties"]) == (name, False)


def test_parameters_are_not_null() -> None:
    for methods in DOCUMENT["paths"].values():
        for one in methods.values():
            for parameter in one["parameters"]:
                assert "null" not in str(parameter["schema"])


def test_tags() -> None:
    tags = {tag_of(route) for route in ROUTES}
    assert {"drains", "config", "nodes", "process", "about", "openapi.json"} <= tags
