"""Sends the copies that workers leave in their rings to a dnstap reader: frame streams over a Unix socket.

Nothing waits for the reader. While there is none, copies are dropped here; while it is slow, they are dropped where the
rings are full; both are counted. DNS goes on either way.
"""

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import gslb
from gslb.config.settings import NodeSettings, TapSettings
from gslb.control.tapframes import (
    ESCAPE,
    LONGEST_CONTROL,
    READY,
    START,
    STOP,
    accepts,
    control_frame,
    data_frames,
    identity,
)
from gslb.server.publish import Publisher
from gslb.server.tap import Copy, RingReader, Wanted

LOOK: Final = 0.02  # seconds between looks at the rings
MOST: Final = 300  # copies at a time: what they cost is time that probes wait for
RESCAN: Final = 1.0  # seconds between looks for rings of other workers
PATIENCE: Final = 5.0  # seconds for the handshake, and for the goodbye
AGAIN: Final = 1.0  # seconds from one try to reach the reader to the next
BACKLOG: Final = 256 << 10  # octets that the reader may leave with us before the rings are left to fill
_RING: Final = re.compile(r"tap-[0-9]+\.ring")

log = logging.getLogger("gslb.control")


class TapFigures(NamedTuple):
    """What became of copies: sent, dropped while there was no reader, dropped because a ring was full."""

    sent: int
    unread: int
    overflowed: int
    connected: bool


class Rings:
    """The rings of all workers that there are, and of those that have just gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: dict[Path, RingReader] = {}
        self._gone = 0  # drops that rings had counted which are gone

    @property
    def overflowed(self) -> int:
        """Copies for which there was no room."""
        return self._gone + sum(reader.dropped for reader in self._readers.values())

    def rescan(self) -> list[Copy]:
        """Find the rings of new workers, and leave those that are gone; what was in these is returned."""
        left: list[Copy] = []
        found = {Path(entry.path): entry.inode() for entry in os.scandir(self._folder) if _RING.fullmatch(entry.name)}
        for path, reader in [*self._readers.items()]:
            if found.get(path) != reader.inode:
                while taken := reader.take(MOST):
                    left += taken
                self._gone += reader.dropped
                self._readers.pop(path).close()
        for path in found.keys() - self._readers.keys():
            with suppress(OSError, ValueError):  # gone again, or no ring
                self._readers[path] = RingReader(path)
        return left

    def take(self) -> list[Copy]:
        """Copies from every ring, MOST together."""
        share = MOST // max(len(self._readers), 1)
        return [copy for reader in self._readers.values() for copy in reader.take(share)]

    def discard(self) -> int:
        """Empty all; how many copies that cost."""
        return sum(reader.discard() for reader in self._readers.values())

    def close(self) -> None:
        """Let go of all; what was counted stays."""
        self._gone = self.overflowed
        while self._readers:
            self._readers.popitem()[1].close()


class Link:
    """One frame stream. `open` it, `send`; once `broken`, or at the end, `close` it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, path: str) -> "Link":
        """Shake hands with the reader at a socket. Raises OSError: nobody listens, or it speaks something else."""
        async with asyncio.timeout(PATIENCE):
            link = cls(*await asyncio.open_unix_connection(path))
            try:
                link._writer.write(control_frame(READY, content=True))
                if not accepts(await link._control()):
                    raise ConnectionError("it does not accept dnstap messages")
                link._writer.write(control_frame(START, content=True))
            except BaseException:
                link._writer.close()
                raise
        return link

    async def _control(self) -> bytes:
        try:
            head = await self._reader.readexactly(8)
            length = int.from_bytes(head[4:])
            if head[:4] != ESCAPE or length > LONGEST_CONTROL:
                raise ConnectionError("it does not speak frame streams")
            return await self._reader.readexactly(length)
        except asyncio.IncompleteReadError:
            raise ConnectionError("it has closed the connection") from None

    @property
    def broken(self) -> bool:
        """Whether the reader has gone."""
        return self._reader.at_eof() or self._writer.transport.is_closing()

    @property
    def slow(self) -> bool:
        """Whether it has not taken what it was sent before."""
        return self._writer.transport.get_write_buffer_size() > BACKLOG

    def send(self, frames: bytes) -> None:
        """Send data frames."""
        self._writer.write(frames)

    async def close(self) -> None:
        """Say goodbye where somebody is there to hear it."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                if not self.broken:
                    self._writer.write(control_frame(STOP))
                    await self._control()
        self._writer.transport.abort()


class Feed:
    """`run` it: the rings are read and sent as the node file, which a reload may change, says at each moment."""

    def __init__(self, publisher: Publisher, folder: Path, node: Callable[[], NodeSettings]) -> None:
        self._publisher = publisher
        self._node = node
        self._who = identity(node().name, f"gslb {gslb.__version__}")
        self._rings = Rings(folder)
        self._link: Link | None = None
        self._sent = self._unread = 0
        self._silent = False  # whether the log has been told that there is no reader

    @property
    def figures(self) -> TapFigures:
        """Numbers for metrics."""
        return TapFigures(self._sent, self._unread, self._rings.overflowed, self._link is not None)

    async def run(self) -> None:
        """Do so until cancelled; the reader is told of the end."""
        try:
            while True:
                try:
                    await self._follow(self._node().dnstap)
                except Exception:
                    log.exception("dnstap failed; DNS does not depend on it")
                    await asyncio.sleep(AGAIN)
        finally:
            if self._link:
                self._send(self._link, self._rings.take())
                await self._link.close()
                self._link = None
            self._rings.close()

    async def _follow(self, settings: TapSettings | None) -> None:
        """Send by these settings until there are others."""
        wanted = Wanted(settings.queries, settings.responses, settings.sample) if settings else Wanted()
        self._publisher.tap(wanted)
        while self._node().dnstap == settings:
            if settings is None:
                await asyncio.sleep(RESCAN)
            else:
                await self._connect(settings.socket)
                await self._pump(settings)
        if self._link:
            await self._link.close()
            self._link = None

    async def _connect(self, path: str) -> None:
        try:
            self._link = await Link.open(path)
        except (OSError, TimeoutError) as error:
            if not self._silent:
                why = str(error) or "it does not answer"
                log.warning("dnstap: no reader at %s, copies are dropped until there is one: %s", path, why)
            self._silent = True
        else:
            log.info("dnstap: connected to %s", path)
            self._silent = False

    async def _pump(self, settings: TapSettings) -> None:
        """Send until the reader goes; without one, drop for a while."""
        link = self._link
        until = None if link else time.monotonic() + AGAIN
        scan = 0.0
        while self._node().dnstap == settings and (until is None or time.monotonic() < until):
            copies = []
            if time.monotonic() >= scan:
                copies, scan = self._rings.rescan(), time.monotonic() + RESCAN
            if link is None:
                self._unread += len(copies) + self._rings.discard()
            elif link.broken:
                await link.close()
                self._link = None
                return
            elif not link.slow or copies:
                self._send(link, copies + self._rings.take())
            await asyncio.sleep(LOOK)

    def _send(self, link: Link, copies: list[Copy]) -> None:
        link.send(data_frames(self._who, copies))
        self._sent += len(copies)
