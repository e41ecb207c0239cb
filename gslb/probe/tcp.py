"""The `tcp` monitor: connect; send, if there is something to send; read until the expected octets came."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from gslb.config.model import Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import MonitorShape, Port
from gslb.probe.exchange import Progress, conclude
from gslb.probe.result import ProbeError, Result

MAX_ANSWER = 4096  # octets among which `expect` must be found


@dataclass(frozen=True, slots=True)
class TcpMonitor(Monitor):
    """A connection; optionally something sent and something expected back (bytes, substring)."""

    kind: ClassVar[str] = "tcp"

    send: bytes = b""
    expect: bytes = b""


class TcpShape(MonitorShape):
    port: Port
    send: Annotated[str, Field(max_length=4096)] = ""
    expect: Annotated[str, Field(max_length=4096)] = ""


def build(common: Common, shape: TcpShape, _: Source) -> TcpMonitor:
    """See gslb.config.monitors.Kind."""
    return TcpMonitor(port=shape.port, send=shape.send.encode(), expect=shape.expect.encode(), **common._asdict())


async def check(monitor: TcpMonitor, address: str) -> Result:
    """Probe one address (canonical text). Raises OSError only where this machine cannot make the probe."""

    async def ask(progress: Progress) -> None:
        reader, writer = await asyncio.open_connection(address, monitor.port)
        try:
            await _talk(monitor, reader, writer, progress)
        finally:
            writer.transport.abort()  # a polite close would leave the descriptor to the target's mercy

    return await conclude(ask, monitor.timeout)


async def _talk(
    monitor: TcpMonitor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, progress: Progress
) -> None:
    if monitor.send:
        progress.stage = "sending"
        writer.transport.set_write_buffer_limits(0)  # so that drain waits for the last octet
        writer.write(monitor.send)
        await writer.drain()
    if monitor.expect:
        progress.stage = "connected, waiting for the expected octets"
        await _await(monitor.expect, reader)


async def _await(expected: bytes, reader: asyncio.StreamReader) -> None:
    seen = b""
    while expected not in seen:
        if len(seen) == MAX_ANSWER:
            raise ProbeError("body", f"expected octets not among the first {MAX_ANSWER}")
        chunk = await reader.read(MAX_ANSWER - len(seen))
        if not chunk:
            raise ProbeError("body", f"closed after {len(seen)} octets without the expected ones")
        seen += chunk


KIND = Kind(TcpShape, build, check)
