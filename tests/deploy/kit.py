"""deploy/ as it is, on loopback: ports and folders are replaced, and nothing else."""

import asyncio
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from gslb.config.model import Config
from gslb.control.stores import open_store
from gslb.store.etcdaccess import client_tls
from gslb.store.shared import EtcdStore
from gslb.store.sqlite import SqliteStore
from tests.conftest import ROOT
from tests.loading import load
from tests.store.nodes_kit import registration, until

DEPLOY: Final = ROOT / "deploy"
SITES: Final = {"tokyo": "192.0.2.21", "osaka": "198.51.100.21", "witness": "203.0.113.21"}  # of etcd members
NODES: Final = ("tokyo-1", "osaka-1", "witness-1")
START: Final = 30.0  # seconds
HOST: Final = "127.0.0.1"


class Deployment:
    """Certificates and passwords are made at once; members run from `start` to `stop`."""

    def __init__(self, need: Callable[[str], str], folder: Path) -> None:
        need("openssl")
        need("etcdctl")
        self._etcd = need("etcd")
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._local = {site: f"{HOST}:{_free_port()}" for site in SITES}
        self._ports = {f"{host}:{port}": f"{HOST}:{_free_port()}" for host in SITES.values() for port in (2379, 2380)}
        self.tls = folder / "tls"
        run(DEPLOY / "certificates.sh", self.tls, *(f"etcd-{site}={HOST}" for site in SITES), *NODES, "people")
        for name in ("root", "gslb"):
            (folder / name).write_text(f"secret-of-{name}\n")

    def settings(self, site: str) -> dict[str, str]:
        """The environment of a member: what systemd makes of the unit and of the member's own file."""
        common = re.findall(r"^Environment=(\w+)=(.*)$", (DEPLOY / "etcd/gslb.conf").read_text(), re.M)
        own = re.findall(r"^(\w+)=(.*)$", (DEPLOY / f"etcd/{site}.env").read_text(), re.M)
        moved = {f"{HOST}:2379": self._local[site], "/etc/etcd/tls": str(self.tls / f"etcd-{site}"), **self._ports}
        found = {key: _replaced(value, moved) for key, value in (*common, *own)}
        return {**found, "ETCD_DATA_DIR": str(self._folder / "data" / site)}

    async def start(self, *sites: str) -> None:
        """Start members, and wait until each answers with the consent of the others."""
        (self._folder / "data").mkdir(exist_ok=True)
        for site in sites:
            with (self._folder / f"{site}.log").open("ab") as log:
                environment = {"PATH": os.environ["PATH"], **self.settings(site)}
                self._running[site] = subprocess.Popen(
                    [self._etcd], stdin=subprocess.DEVNULL, stderr=log, env=environment
                )
        async with asyncio.timeout(START):
            for site in sites:
                while b'"true"' not in await asyncio.to_thread(fetch, f"{self.url(site)}/health", self.people()):
                    await asyncio.sleep(0.1)

    def stop(self, *sites: str) -> None:
        """Kill members; all of them where none is given."""
        for site in sites or list(self._running):
            process = self._running.pop(site)
            process.kill()
            process.wait(START)

    def lose(self) -> None:
        """Kill every member and remove all that they knew."""
        self.stop()
        shutil.rmtree(self._folder / "data")

    def log(self, site: str) -> str:
        """What a member wrote."""
        return (self._folder / f"{site}.log").read_text()

    def url(self, site: str, port: int = 2379) -> str:
        """Where a member is reached, as clients (2379) or other members (2380) do."""
        return f"https://{self._ports[f'{SITES[site]}:{port}']}"

    def people(self) -> ssl.SSLContext:
        """How people get in."""
        place = self.tls / "people"
        return client_tls(str(place / "ca.pem"), str(place / "client.pem"), str(place / "client.key"))

    def login(self) -> None:
        """What an operator does once."""
        script, folder = DEPLOY / "etcd/login.sh", self._folder
        run(script, self.url("tokyo"), self.tls / "people", folder / "root", folder / "gslb")

    def config(self, name: str) -> Config:
        """What a node reads, from a folder such as /etc/gslb."""
        place = self._folder / name
        if not place.exists():
            shutil.copytree(DEPLOY / "zones", place / "zones")
            shutil.copytree(self.tls / name, place / "tls")
            shutil.copy(self._folder / "gslb", place / "tls/password")
            (place / "gslb.yaml").write_text(_replaced((DEPLOY / f"{name}.yaml").read_text(), self._ports))
        return load(str(place / "gslb.yaml"))

    @asynccontextmanager
    async def store(self, name: str) -> AsyncIterator[EtcdStore]:
        """The store of a node that is registered."""
        own = await SqliteStore.open(str(self._folder / f"{name}.sqlite"), name)
        store = await open_store(self.config(name).node, own)
        assert isinstance(store, EtcdStore)
        store.announce(registration(name))
        task = asyncio.create_task(store.run())
        try:
            await until(lambda: store._session._lease, 10)
            yield store
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await store.close()
            await own.close()


def run(*argv: str | Path) -> str:
    """What a program says; it must succeed."""
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fetch(url: str, tls: ssl.SSLContext) -> bytes:
    """What a URL gives; nothing where it is refused."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=3, context=tls) as answer:
        return bytes(answer.read())
    return b""


def _replaced(text: str, moved: dict[str, str]) -> str:
    for there, here in moved.items():
        text = text.replace(there, here)
    return text


def _free_port() -> int:
    """Below those that clients get."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as sock, suppress(OSError):
            sock.bind((HOST, port))
            return port
