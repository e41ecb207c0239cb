"""Processes for logins: one each, none left, none that another one waits for."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gslb.probe import pglogin
from gslb.probe.exchange import Progress, conclude
from gslb.probe.pglogin import Logins, Request
from gslb.probe.result import Result
from tests.conftest import ENVIRONMENT

SECRET = "correct horse"
SASL = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"


@pytest.fixture
def logins() -> Iterator[Logins]:
    made = Logins()
    yield made
    made.close()


def children(pid: int) -> list[int]:
    """Processes whose parent this is, those that ended and were not reaped included."""
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def program(logins: Logins) -> int:
    assert logins._running
    return logins._running[0].pid


async def ask(logins: Logins, port: int, within: float) -> Result:
    async with logins.open() as login:
        request = Request("127.0.0.1", port, "gslb", SECRET, "app", "SELECT true, 1.0::float8")

        async def log_in(progress: Progress) -> None:
            await login.ask(request, within, progress)

        return await conclude(log_in, within)


async def zeros(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1000)
    writer.write(bytes(1000))
    await asyncio.sleep(5)


async def work_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """SCRAM with as many rounds as the field holds (RFC 5802 section 5.1)."""
    await reader.read(1000)
    writer.write(SASL[:1] + (len(SASL) - 1).to_bytes(4) + SASL[5:])
    nonce = (await reader.read(1000)).split(b"r=")[1]
    body = (11).to_bytes(4) + b"r=" + nonce + b"xyz,s=QUJD,i=2000000000"
    writer.write(b"R" + (len(body) + 4).to_bytes(4) + body)
    await asyncio.sleep(5)


@pytest.mark.parametrize("handler", [zeros, work_without_end])
async def test_what_captures_the_client_is_over_at_the_deadline(serve, logins: Logins, handler, eventually) -> None:
    result = await ask(logins, await serve(handler), 0.4)
    assert str(result) == "timeout: logging in, within 0.4 s"
    assert result.latency < 0.6
    await asyncio.to_thread(eventually, lambda: children(program(logins)) == [], 0.5)


async def test_what_captures_the_client_has_a_second_of_a_processor(serve, logins: Logins) -> None:
    result = await ask(logins, await serve(zeros), 4.0)
    assert str(result) == "protocol: not a PostgreSQL answer: the client was lost over it"
    assert result.latency < 3.5


async def test_each_login_has_a_process_and_leaves_none(serve, logins: Logins, eventually) -> None:
    async with logins.open(), logins.open():
        assert len(children(program(logins))) == 2
    await asyncio.to_thread(eventually, lambda: children(program(logins)) == [], 0.5)


async def test_a_program_that_rests_uses_no_processor(logins: Logins) -> None:
    async with logins.open():
        pass
    await asyncio.sleep(0.1)
    stat = Path(f"/proc/{program(logins)}/stat")
    used = [stat.read_text().split()[13:15]]
    await asyncio.sleep(0.5)
    used.append(stat.read_text().split()[13:15])
    assert used[0] == used[1]


async def test_what_others_see_of_a_login_has_no_secret(serve, logins: Logins) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        (pid,) = children(program(logins))
        seen.extend(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))

    seen: list[bytes] = []
    await ask(logins, await serve(handler), 2.0)
    assert b"pgchild.py" in seen[0]
    assert SECRET.encode() not in seen[0]
    assert {entry for entry in seen[1].split(b"\0") if entry} == {b"PATH=/usr/bin:/bin", b"LC_ALL=C"}


async def test_a_program_that_is_lost_is_started_again(serve, logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    port = await serve(lambda reader, writer: asyncio.sleep(0))
    assert (await ask(logins, port, 1.0)).reason in ("protocol", "reset")
    first = program(logins)
    os.kill(first, signal.SIGKILL)
    await asyncio.sleep(0.05)
    with pytest.raises(OSError, match="waits to be started again") as caught:
        await ask(logins, port, 1.0)
    assert caught.value.errno == errno.EAGAIN
    monkeypatch.setattr(pglogin, "PATIENCE", 1.0)
    await asyncio.sleep(1.0)
    assert (await ask(logins, port, 1.0)).reason in ("protocol", "reset")
    assert program(logins) != first


async def test_a_program_that_stands_still_is_no_verdict(logins: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    async with logins.open():
        pass
    os.kill(program(logins), signal.SIGSTOP)
    monkeypatch.setattr(pglogin, "PATIENCE", 0.3)
    with pytest.raises(OSError, match="no process to log in to PostgreSQL with"):
        await ask(logins, 9, 1.0)
    async with logins.open():
        assert children(program(logins))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_the_program_ends_with_its_parent(ending: signal.Signals, eventually) -> None:
    code = """\
import asyncio
from gslb.probe.pglogin import LOGINS

async def main():
    async with LOGINS.open():
        print(flush=True)
        await asyncio.sleep(30)

asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=ENVIRONMENT)
    with parent:
        assert parent.stdout
        parent.stdout.readline()
        (server,) = children(parent.pid)
        pids = [server, *children(server)]
        parent.send_signal(ending)
    assert len(pids) == 2
    eventually(lambda: not any(alive(pid) for pid in pids), 2)


def alive(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def test_loading_the_client_is_no_part_of_a_probe(serve, logins: Logins) -> None:
    begun = time.monotonic()
    result = await ask(logins, await serve(lambda reader, writer: asyncio.sleep(0)), 1.0)
    assert result.latency < time.monotonic() - begun
    assert result.latency < 0.5
