"""One deadline, and the reason for whatever ends a probe."""

import asyncio
import errno
import ssl

import pytest

from gslb.probe.exchange import Progress, conclude, under_way
from gslb.probe.result import ProbeError


def raising(error: Exception):
    async def ask(progress: Progress) -> None:
        raise error

    return ask


async def test_a_probe_that_returns_has_passed() -> None:
    async def ask(progress: Progress) -> None:
        progress.tls_days = 12.5

    result = await conclude(ask, 1.0)
    assert (result.ok, result.reason, result.detail, result.tls_days) == (True, "", "", 12.5)
    assert 0 <= result.latency < 1


async def test_the_deadline_covers_everything_and_tells_the_stage() -> None:
    async def ask(progress: Progress) -> None:
        await asyncio.sleep(0.02)
        progress.stage = "waiting for the moon"
        await asyncio.sleep(10)

    result = await conclude(ask, 0.05)
    assert (result.ok, result.reason, result.detail) == (False, "timeout", "waiting for the moon, within 0.05 s")
    assert 0.04 < result.latency < 0.5


async def test_what_a_library_calls_finds_the_progress_of_its_own_probe() -> None:
    async def ask(progress: Progress) -> None:
        await asyncio.sleep(0)
        assert under_way() is progress

    results = await asyncio.gather(*(conclude(ask, 1.0) for _ in range(3)))
    assert all(result.ok for result in results)
    assert under_way() is None


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (ProbeError("status", "503"), "status", "503"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refused", "connection refused"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "refused", "no route to host"),
        (OSError("Multiple exceptions: a, b"), "refused", "multiple exceptions: a, b"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "reset", "connection reset"),
        (BrokenPipeError(errno.EPIPE, "x"), "reset", "connection reset"),
        (OSError(errno.ECONNRESET, "x"), "reset", "connection reset"),
        (ConnectionAbortedError("x"), "reset", "connection reset"),
        (ssl.SSLError(1, "something odd"), "tls", "handshake failed"),
        (ssl.SSLCertVerificationError(1, "something odd"), "tls", "certificate not valid"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "timeout", "connecting, within 1 s"),
        (ProbeError("body", "\n" * 200), "body", "?" * 77 + "..."),
    ],
)
async def test_every_failure_is_a_value(error: Exception, reason: str, detail: str) -> None:
    result = await conclude(raising(error), 1.0)
    assert (result.ok, result.reason, result.detail) == (False, reason, detail)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM])
async def test_a_lack_of_this_machine_is_no_result(code: int) -> None:
    with pytest.raises(OSError):
        await conclude(raising(OSError(code, "too many")), 1.0)


async def test_cancelling_is_not_a_failure() -> None:
    async def ask(progress: Progress) -> None:
        await asyncio.sleep(10)

    task = asyncio.create_task(conclude(ask, 5.0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
