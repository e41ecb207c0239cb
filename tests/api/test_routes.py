"""The table of routes."""

from gslb.api.call import OPEN
from gslb.api.queries import ChangeQuery
from gslb.api.routes import ROUTES

WITHOUT_DRY_RUN = {"/api/v1/push/{monitor}/{address}", "/api/v1/config:rollback", "/api/v1/config:confirm"}
LOOKING = {"/api/v1/config:check", "/api/v1/config:plan"}


def test_each_operation_stands_in_it_once() -> None:
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_what_reads_changes_nothing_and_the_other_way_round() -> None:
    for route in ROUTES:
        assert (route.scope in (OPEN, "read") or route.path.startswith("/api/v1/tokens")) or route.method != "GET"
        assert route.method == "GET" or route.scope in ("drain", "push", "admin")


def test_changes_can_be_tried() -> None:
    changes = {route.path for route in ROUTES if route.method != "GET"} - LOOKING
    tried = {route.path for route in ROUTES if issubclass(route.query, ChangeQuery)}
    assert changes - tried <= WITHOUT_DRY_RUN | {path for path in changes if path.endswith(":test")}


def test_only_the_process_and_the_document_are_open() -> None:
    opened = {route.path for route in ROUTES if route.scope == OPEN}
    assert opened == {"/livez", "/readyz", "/metrics", "/api/v1/", "/api/v1/openapi.json"}
