"""The running demo: its sites in this process, its node as a child, and nothing left of either when it ends."""

import asyncio
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import click

from gslb.cli.demo_files import FOLDER, NODE_FILE, NODE_HOST, SITES, SOCKET, Ports, empty_folder, write_files
from gslb.cli.demo_sites import Site
from gslb.cli.demo_text import welcome
from gslb.errors import StateError

MARK = "GSLB_DEMO"  # in the environment of every process of the node; its value is the demo's folder
START_LIMIT = 20.0  # seconds for the node to become ready
STOP_LIMIT = 8.0  # seconds for the node to end by itself
READY_PAUSE = 0.15  # seconds between two looks at /readyz
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(ports: Ports) -> int:
    """Run the demo until Ctrl-C. Raises StateError where another demo runs here or a port is taken."""
    with own_folder():
        end_leftovers()
        refuse_taken(ports)
        write_files(ports)
        asyncio.run(_serve(ports))
    click.echo("\nthe demo has ended; nothing is left behind")
    return 0


@contextmanager
def own_folder() -> Iterator[None]:
    """Hold ./.demo for this process, empty at the start and gone at the end."""
    FOLDER.mkdir(exist_ok=True)
    lock = os.open(FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StateError(
            f"a demo already runs in {FOLDER.absolute().parent}", hint="end it with Ctrl-C first"
        ) from None
    try:
        empty_folder()
        yield
    finally:
        end_leftovers()
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.close(lock)


def end_leftovers() -> None:
    """Kill what a killed demo of this folder left running, found by its mark, until nothing is left."""
    deadline = time.monotonic() + STOP_LIMIT
    while (pids := _marked()) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def _marked() -> list[int]:
    mark = f"{MARK}={FOLDER.absolute()}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # another user's, or gone
            continue
    return [pid for pid in found if pid != os.getpid()]


def refuse_taken(ports: Ports) -> None:
    """Raise StateError naming every address and port that the demo needs and another process holds."""
    needed = [(NODE_HOST, ports.dns, "udp"), (NODE_HOST, ports.dns, "tcp"), (NODE_HOST, ports.api, "tcp")]
    needed += [(address, ports.site, "tcp") for address in SITES.values()]
    taken = [f"{host}:{port}/{kind}: {why}" for host, port, kind in needed if (why := _bind_fault(host, port, kind))]
    if taken:
        hint = "end what listens there (`ss -lntup` shows it), or another demo; the demo picks no other port"
        raise StateError("the demo needs " + ", ".join(taken), hint=hint)


def _bind_fault(host: str, port: int, kind: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as probe:
        if kind == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


async def _serve(ports: Ports) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    async with _sites(ports) as sites, _control_socket(sites), _node() as node:
        stopped = asyncio.create_task(stop.wait())
        ended = asyncio.create_task(node.wait())
        ready = asyncio.create_task(until_ready(ports.api))
        done, _ = await asyncio.wait((stopped, ended, ready), return_when=asyncio.FIRST_COMPLETED)
        if ready in done:
            ready.result()
            click.echo(welcome(ports))
            done, _ = await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, ended, ready):
            task.cancel()
        await asyncio.gather(stopped, ended, ready, return_exceptions=True)
        if ended in done and not stop.is_set():
            raise StateError(f"the demo's node ended with exit code {node.returncode}", hint="its messages are above")


@asynccontextmanager
async def _sites(ports: Ports) -> AsyncIterator[Mapping[str, Site]]:
    sites = {name: Site(name.capitalize(), address, ports.site) for name, address in SITES.items()}
    try:
        for site in sites.values():
            await site.start()
        yield sites
    finally:
        for site in sites.values():
            await site.close()


@asynccontextmanager
async def _control_socket(sites: Mapping[str, Site]) -> AsyncIterator[None]:
    """Answer `gslb demo break` and `mend`: one JSON line in, one line of text out."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            order = json.loads(await reader.readline())
            site = sites[order["site"]]
            await site.switch(order["mode"])
            state = "mended" if site.mode == "ok" else f"broken ({site.mode})"
            reply = f"{site.name} is {state}"
        except (OSError, ValueError, KeyError, TypeError) as error:
            reply = f"not understood: {error}"
        writer.write(reply.encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(answer, SOCKET)
    async with server:
        yield


@asynccontextmanager
async def _node() -> AsyncIterator[asyncio.subprocess.Process]:
    """`gslb serve` in a session of its own, so that Ctrl-C reaches this process alone and the end is in order."""
    argv = (sys.executable, "-m", "gslb.cli.main", "serve", "--config", str(NODE_FILE))
    environment = {**os.environ, MARK: str(FOLDER.absolute())}
    node = await asyncio.create_subprocess_exec(
        *argv, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield node
    finally:
        if node.returncode is None:
            node.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await node.wait()
        except TimeoutError:
            node.kill()
            await node.wait()


async def until_ready(api_port: int) -> None:
    """Return when the node serves what its first probes found. Raises StateError after START_LIMIT."""
    deadline = time.monotonic() + START_LIMIT
    while not await asyncio.to_thread(_is_ready, api_port):
        if time.monotonic() > deadline:
            raise StateError(f"the demo's node is not ready after {START_LIMIT:g} s", hint="its messages are above")
        await asyncio.sleep(READY_PAUSE)


def _is_ready(api_port: int) -> bool:
    connection = http.client.HTTPConnection(NODE_HOST, api_port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        ready = json.loads(connection.getresponse().read())
        return bool(ready["serving"] and ready["fresh"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False
    finally:
        connection.close()
