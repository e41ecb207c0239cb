"""What handlers are given and return."""

from typing import Any, cast

from gslb.api.access import Grant
from gslb.api.call import Call, NoQuery, Reply
from gslb.store.audit import Actor


def test_who_asks_and_from_where() -> None:
    grant = Grant("ops", ("read",))
    call: Call[NoQuery, None] = Call(cast(Any, None), grant, "192.0.2.1", {}, NoQuery(), None, 0.0)
    assert call.actor == Actor("ops", "192.0.2.1")


def test_a_reply_is_json_and_right_unless_it_says_otherwise() -> None:
    assert Reply({})[1:] == (200, {}, "", "", "application/json", "pages")
