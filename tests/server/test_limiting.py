"""The limiter follows the table, and the log hears of it now and then."""

import logging

import pytest

from gslb.config.settings import RateLimit
from gslb.context import Context
from gslb.counters import RATE_LIMITED
from gslb.limiter import ANSWER
from gslb.server.limiting import QUIET, Limiting
from tests.support import SOURCE, config, context, table


def made(limit: RateLimit | None, share: float = 1.0) -> tuple[Context, Limiting]:
    ctx = context(table(config(rate_limit=limit)))
    return ctx, Limiting(ctx, share)


def test_no_setting_no_limiter() -> None:
    ctx, limiting = made(None)
    assert ctx.limiter is None
    ctx.table = table(config(rate_limit=RateLimit()))
    limiting.follow()
    assert ctx.limiter is not None
    ctx.table = table(config())
    limiting.follow()
    assert ctx.limiter is None


def test_buckets_outlive_a_table_with_the_same_setting() -> None:
    ctx, limiting = made(RateLimit(rate=50.0))
    before = ctx.limiter
    ctx.table = table(config(["more 60 A 192.0.2.1"], rate_limit=RateLimit(rate=50.0)))
    limiting.follow()
    assert ctx.limiter is before
    ctx.table = table(config(rate_limit=RateLimit(rate=51.0)))
    limiting.follow()
    assert ctx.limiter is not before
    assert ctx.limiter is not None
    assert ctx.limiter.limit.rate == 51.0


@pytest.mark.parametrize(("share", "answers"), [(1.0, 1000), (0.25, 250)])
def test_a_worker_has_its_share_of_the_rate(share: float, answers: int) -> None:
    ctx, _ = made(RateLimit(rate=100.0, burst=1.0), share)
    assert ctx.limiter is not None
    judged = [ctx.limiter.judge(SOURCE, 1000 + number / 1000) for number in range(10_000)]
    assert judged.count(ANSWER) == pytest.approx(answers, rel=0.02)


@pytest.mark.parametrize(("dry_run", "words"), [(False, "replies limited"), (True, "would have been limited")])
def test_one_line_now_and_then(caplog: pytest.LogCaptureFixture, dry_run: bool, words: str) -> None:
    caplog.set_level(logging.WARNING)
    ctx, limiting = made(RateLimit(dry_run=dry_run))
    limiting.tell(1000.0)
    assert not caplog.messages
    ctx.counters[RATE_LIMITED] = 3
    limiting.tell(1001.0)
    ctx.counters[RATE_LIMITED] = 10_003
    limiting.tell(1001.0 + QUIET - 0.1)
    assert len(caplog.messages) == 1
    limiting.tell(1001.0 + QUIET)
    limiting.tell(1001.0 + 9 * QUIET)
    assert len(caplog.messages) == 2
    assert words in caplog.messages[0]
    assert " 10000 replies" in caplog.messages[1]


def test_a_limiter_that_is_gone_leaves_a_last_line(caplog: pytest.LogCaptureFixture) -> None:
    ctx, limiting = made(RateLimit())
    ctx.counters[RATE_LIMITED] = 7
    ctx.table = table(config())
    limiting.follow()
    limiting.tell(1000.0)
    assert "7 replies limited" in caplog.text
