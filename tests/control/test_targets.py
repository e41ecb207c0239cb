"""Which targets are known."""

import pytest

from gslb.config.model import Pool
from gslb.control.targets import covered, require_known, targets_of
from gslb.errors import NotFoundError
from gslb.intents import Target
from tests.support import OSAKA, TOKYO, config

CONFIG = config(pools=[Pool("web", (TOKYO, OSAKA)), Pool("db", (TOKYO,))])


def test_everything_that_can_be_drained() -> None:
    assert set(map(str, targets_of(CONFIG))) == {
        "site/tokyo",
        "site/osaka",
        "pool/web",
        "pool/db",
        "member/web/tokyo",
        "member/web/osaka",
        "member/db/tokyo",
    }
    for target in targets_of(CONFIG):
        require_known(target, CONFIG)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("site/tokio", "site/tokyo"), ("pool/wbe", "pool/web"), ("member/web/osak", "member/web/osaka")],
)
def test_a_misspelt_target_names_the_closest(wrong: str, meant: str) -> None:
    with pytest.raises(NotFoundError, match=f"no {wrong}") as caught:
        require_known(Target.parse(wrong), CONFIG)
    assert meant in caught.value.hint
    assert caught.value.pointer == "/target"


def test_an_unlike_target_says_where_to_look() -> None:
    with pytest.raises(NotFoundError) as caught:
        require_known(Target.parse("pool/" + "x" * 60), CONFIG)
    assert "/api/v1/status" in caught.value.hint


def test_what_a_target_covers() -> None:
    assert covered(Target.parse("site/tokyo"), CONFIG) == [("web", "tokyo"), ("db", "tokyo")]
    assert covered(Target.parse("member/web/osaka"), CONFIG) == [("web", "osaka")]
    assert covered(Target.parse("site/gone"), CONFIG) == []
