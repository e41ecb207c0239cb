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
from gslb.probe.trace import peer_text, tracing

MAX_ANSWER = 4096  # octets among which `expect` must be found


@dataclass(frozen=True, slots=True)
class TcpMonitor(Monitor):
    """A connection; optionally something sent and something expected back: `expect` anywhere in the answer, one of
    `begins` at its beginning (no key of YAML: for types that are made of this one)."""

    kind: ClassVar[str] = "tcp"

    send: bytes = b""
    expect: bytes = b""
    begins: tuple[bytes, ...] = ()


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
        if trace := tracing():
            trace.note("connected", peer_text(writer.get_extra_info("peername")))
        try:
            await _talk(monitor, reader, writer, progress)
        finally:
            writer.transport.abort()  # a polite close would leave the descriptor to the target's mercy

    return await conclude(ask, monitor.timeout)


async def _talk(
    monitor: TcpMonitor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, progress: Progress
) -> None:
    if monitor.send:
        progress.stage = "connected, sending"
        writer.transport.set_write_buffer_limits(0)  # so that drain waits for the last octet
        writer.write(monitor.send)
        await writer.drain()
        if trace := tracing():
            trace.note("sent", f"{len(monitor.send)} octets")
    if monitor.expect or monitor.begins:
        progress.stage = "connected, waiting for the expected octets"
        seen = bytearray()
        try:
            await _await(monitor, reader, seen)
        finally:
            if seen and (trace := tracing()):
                trace.body(bytes(seen))


async def _await(monitor: TcpMonitor, reader: asyncio.StreamReader, seen: bytearray) -> None:
    """Read into `seen` until it holds what is expected. Raises ProbeError where it cannot any more."""
    while monitor.expect not in seen or (monitor.begins and not _begins(monitor.begins, seen)):
        if len(seen) == MAX_ANSWER:
            raise ProbeError("body", f"expected octets not among the first {MAX_ANSWER}")
        chunk = await reader.read(MAX_ANSWER - len(seen))
        if not chunk:
            raise ProbeError("body", f"closed after {len(seen)} octets without the expected ones")
        if not seen and (trace := tracing()):
            trace.note("answer", f"{len(chunk)} octets at first")
        seen += chunk


def _begins(wanted: tuple[bytes, ...], seen: bytes | bytearray) -> bool:
    """Whether the answer begins with one of those wanted. Raises ProbeError once it cannot any more."""
    if seen.startswith(wanted):
        return True
    if not any(beginning.startswith(bytes(seen)) for beginning in wanted):
        raise ProbeError("protocol", "the answer is of another protocol")
    return False


KIND = Kind(TcpShape, build, check)
