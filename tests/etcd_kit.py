"""Real etcd members of Debian's package, on loopback: started, stopped, frozen, killed, filled and compacted.

Needs ports, not a service: whatever else the machine runs stays as it is.
"""

import asyncio
import ipaddress
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gslb.store.etcdaccess import Access, client_tls

HOST = "127.0.0.1"
ROOT_PASSWORD = "root of all"
USER, PASSWORD = "gslb", "correct horse"
PREFIX = "gslb/"  # what the user may read and write
_PATIENCE = 30.0  # seconds for one start


def program() -> str:
    """The path of etcd, or a skipped test that says what to install."""
    path = shutil.which("etcd") or shutil.which("etcd", path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip("etcd is not installed: apt-get install etcd-server")
    return path


class Certificates:
    """An authority in a folder, a certificate for members, and some for clients. Paths of PEM files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca = self._write("ca", "test authority", self._key)
        self.server, self.server_key = self.issue("server", HOST)
        self.client, self.client_key = self.issue("client", "")

    def issue(self, file: str, name: str) -> tuple[Path, Path]:
        """A certificate with this common name ("" = without a subject), for 127.0.0.1, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self._folder / f"{file}-key.pem"
        path.write_bytes(_pem(key))
        return self._write(file, name, key), path

    def _write(self, file: str, name: str, key: ec.EllipticCurvePrivateKey) -> Path:
        now, ours = datetime.now(UTC), key is self._key
        general = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("test authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ours, path_length=0 if ours else None), critical=True)
        )
        if not ours:
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=not name)
        path = self._folder / f"{file}.pem"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path


class Member:
    """One member. `Cluster` makes them."""

    def __init__(self, name: str, folder: Path, certificates: Certificates | None) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.certificates = certificates
        self.port, self.peer_port = _free_port(), _free_port()
        self.url = f"http{'s' if certificates else ''}://{HOST}:{self.port}"
        self.peer_url = f"http://{HOST}:{self.peer_port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, cluster: str, *options: str) -> None:
        """Start it, on the data that it has; returns at once. `cluster` is what `--initial-cluster` wants."""
        argv = [program(), "--name", self.name, "--data-dir", str(self.folder / "data")]
        argv += ["--listen-client-urls", self.url, "--advertise-client-urls", self.url]
        argv += ["--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url]
        argv += ["--initial-cluster", cluster, "--initial-cluster-token", str(self.folder.parent)]
        argv += ["--logger", "zap", "--log-outputs", "stderr", *options]
        if given := self.certificates:
            argv += ["--cert-file", str(given.server), "--key-file", str(given.server_key)]
            argv += ["--trusted-ca-file", str(given.ca), "--client-cert-auth"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def freeze(self) -> None:
        """Stop it from running (SIGSTOP); its connections stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once; its data stay."""
        if self.process:
            self.process.kill()
            self.process.wait(_PATIENCE)
            self.process = None

    def wipe(self) -> None:
        """Remove its data; it begins as new."""
        shutil.rmtree(self.folder / "data")

    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def _signal(self, which: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(which)


class Cluster:
    """Members that form one store: `with Cluster(tmp_path, 3) as cluster`."""

    def __init__(self, folder: Path, size: int = 1, *, tls: bool = False, options: tuple[str, ...] = ()) -> None:
        self.certificates = Certificates(folder / "certificates") if tls else None
        self.options = options
        self.members = [Member(name, folder, self.certificates) for name in "abcdefg"[:size]]

    def __enter__(self) -> "Cluster":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.kill()
        for member in self.members:
            shutil.rmtree(member.folder, ignore_errors=True)

    def start(self) -> None:
        """Start every member that does not run, and wait until each answers with the consent of the others."""
        for member in self.members:
            if member.process is None:
                self.begin(member)
        for member in self.members:
            self.await_ready(member)

    def begin(self, member: Member) -> None:
        """Start a member that does not run."""
        cluster = ",".join(f"{one.name}={one.peer_url}" for one in self.members)
        member.start(cluster, *self.options)

    def await_ready(self, member: Member) -> None:
        """Wait until it answers a linearizable read, whatever it says."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self.ask(member, "kv/range", {"key": "AA=="})
                return
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500:  # it refuses us, so it works
                    return
            except OSError:
                pass
            assert member.process is not None
            assert member.process.poll() is None, member.log()[-3000:]
            assert time.monotonic() < deadline, member.log()[-3000:]
            time.sleep(0.05)

    @property
    def urls(self) -> tuple[str, ...]:
        """The client URL of every member."""
        return tuple(member.url for member in self.members)

    def access(self, *members: Member, **options: Any) -> Access:
        """How to reach these members, all where none is given."""
        if given := self.certificates:
            options.setdefault("tls", client_tls(str(given.ca), str(given.client), str(given.client_key)))
        return Access(tuple(member.url for member in members) or self.urls, **options)

    def leader(self) -> Member:
        """The member that leads now."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            for member in self.members:
                with suppress(OSError):
                    status = self.ask(member, "maintenance/status", {})
                    if status.get("leader") == status["header"]["member_id"]:
                        return member
        raise AssertionError("no member leads")

    def followers(self) -> list[Member]:
        """The others."""
        leader = self.leader()
        return [member for member in self.members if member is not leader]

    def secure(self) -> None:
        """Turn authentication on, with a user who may use PREFIX alone."""
        key = {"key": _text(PREFIX), "range_end": _text(PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1))}
        for path, body in (
            ("user/add", {"name": "root", "password": ROOT_PASSWORD}),
            ("role/add", {"name": "root"}),
            ("user/grant", {"user": "root", "role": "root"}),
            ("user/add", {"name": USER, "password": PASSWORD}),
            ("role/add", {"name": USER}),
            ("role/grant", {"name": USER, "perm": {"permType": "READWRITE", **key}}),
            ("user/grant", {"user": USER, "role": USER}),
            ("enable", {}),
        ):
            self.ask(self.members[0], f"auth/{path}", body)

    def compact(self, revision: int) -> None:
        """Forget the history before a revision, and wait until that is done."""
        self.ask(self.members[0], "kv/compaction", {"revision": str(revision), "physical": True})

    def put(self, key: str, value: bytes, member: int = 0) -> int:
        """Write a key and return the revision."""
        body = {"key": _text(key), "value": b64encode(value).decode()}
        return int(self.ask(self.members[member], "kv/put", body)["header"]["revision"])

    def fill(self) -> None:
        """Write until the quota refuses more (give `--quota-backend-bytes` as an option)."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                self.put("filling", os.urandom(500_000))
            except urllib.error.HTTPError as error:
                error.close()
                return
        raise AssertionError("there is no quota")

    def make_room(self) -> None:
        """Undo `fill`: compact, defragment, disarm the alarm."""
        first = self.members[0]
        revision = self.ask(first, "kv/range", {"key": "AA=="})["header"]["revision"]
        self.compact(int(revision))
        for member in self.members:
            self.ask(member, "maintenance/defragment", {})
        for alarm in self.ask(first, "maintenance/alarm", {"action": "GET"}).get("alarms", ()):
            self.ask(first, "maintenance/alarm", {"action": "DEACTIVATE", **alarm})

    def ask(self, member: Member, path: str, body: dict[str, Any], seconds: float = 3.0) -> dict[str, Any]:
        """One request, by other means than those under test. Raises OSError."""
        request = urllib.request.Request(f"{member.url}/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=seconds, context=self.access().tls) as answer:
            return json.loads(answer.read())


class Wire:
    """A way to a member that can be cut or left hanging: `async with Wire(member) as wire`."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._hanging: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._connected, HOST, 0)
        self.url = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def hang(self) -> None:
        """Carry nothing more on the connections that there are; new ones work."""
        self._hanging |= self._writers

    def close(self) -> None:
        """Carry nothing at all until `open`."""
        self._open.clear()

    def open(self) -> None:
        """Carry everything again."""
        self._open.set()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(HOST, self._member.port)
            self._writers.add(back)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        except OSError:
            writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while octets := await source.read(65536):
                await self._open.wait()
                if sink not in self._hanging:
                    sink.write(octets)
                    await sink.drain()
        sink.close()


def _text(key: str) -> str:
    return b64encode(key.encode()).decode()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _free_port() -> int:
    """Below the range from which clients get theirs, so that none of them sits on it when a member comes back."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as sock, suppress(OSError):
            sock.bind((HOST, port))
            return port
