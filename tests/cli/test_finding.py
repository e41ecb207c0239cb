"""Which one is meant, against a running node."""

import pytest

from gslb.cli.client import connect
from gslb.cli.finding import found, one_of, place_of
from gslb.errors import GslbError, NotFoundError


def test_by_id_or_target_and_of_the_kinds_that_are_asked_for(node, ask) -> None:
    client = connect(node.config, None, None)
    assert (
        ask("drain", "site/osaka", "--reason", "x")[0]
        == ask("hold", "site/osaka", "--for", "1m", "--reason", "x")[0]
        == 0
    )
    drain, hold = found(client, "site/osaka")
    assert (drain["kind"], hold["kind"]) == ("drain", "hold")
    assert one_of(client, hold["id"])["id"] == hold["id"]
    assert place_of(hold) == f"/api/v1/holds/{hold['id']}"
    with pytest.raises(GslbError, match=r"2 of them: .* \(drain\), .* \(hold\)"):
        one_of(client, "site/osaka")
    for one in (drain, hold):
        assert ask("cancel", one["id"])[0] == 0
    with pytest.raises(NotFoundError, match="no active drain has the id or target"):
        found(client, "site/osaka", ("drain",))
