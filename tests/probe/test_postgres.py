"""The role of real PostgreSQL servers, primary and streaming standby, and of what is no PostgreSQL server."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from gslb.probe import pglogin, tcp
from gslb.probe.postgres import MAX_PASSWORD, PostgresMonitor, check, judge
from gslb.probe.result import ProbeError, Result
from gslb.probe.trace import traced
from tests.config.conftest import Folder
from tests.conftest import ENVIRONMENT
from tests.postgres_kit import ADMIN, PASSWORD, USER, Cluster

POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"


@contextmanager
def running(cluster: Cluster, primary: Cluster | None = None) -> Iterator[Cluster]:
    try:
        yield (cluster.follow(primary) if primary else cluster.create()).start()
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def primary() -> Iterator[Cluster]:
    with running(Cluster()) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def standby(primary: Cluster) -> Iterator[Cluster]:
    with running(Cluster(), primary) as cluster:
        yield cluster


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


@pytest.fixture
def monitor(password: Path) -> PostgresMonitor:
    return PostgresMonitor("db", 5432, timeout=5.0, user=USER, password_file=str(password))


async def ask(monitor: PostgresMonitor, cluster: Cluster, **options: object) -> Result:
    return await check(replace(monitor, port=cluster.port, **options), cluster.address)


async def test_roles(monitor: PostgresMonitor, primary: Cluster, standby: Cluster) -> None:
    for cluster, role, other in ((primary, "primary", "standby"), (standby, "standby", "primary")):
        assert (await ask(monitor, cluster, role=role)).ok
        assert (await ask(monitor, cluster)).ok
        assert str(await ask(monitor, cluster, role=other)) == f"status: {role}, expected {other}"


async def test_a_promoted_standby_is_a_primary_at_once(monitor: PostgresMonitor, primary: Cluster) -> None:
    with running(Cluster(), primary) as cluster:
        assert str(await ask(monitor, cluster, role="primary")) == "status: standby, expected primary"
        cluster.promote()
        assert (await ask(monitor, cluster, role="primary")).ok
        assert str(await ask(monitor, cluster, role="standby")) == "status: primary, expected standby"


async def test_a_stopped_server_refuses(monitor: PostgresMonitor) -> None:
    with running(Cluster()) as cluster:
        assert (await ask(monitor, cluster, role="primary")).ok
        cluster.stop()
        assert (await ask(monitor, cluster, role="primary")).reason == "refused"


async def test_a_standby_that_follows_is_not_behind(
    monitor: PostgresMonitor, primary: Cluster, standby: Cluster, eventually
) -> None:
    primary.sql("CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t VALUES (1)")
    received = "SELECT pg_last_wal_replay_lsn() >= '{}'".format(primary.sql("SELECT pg_current_wal_lsn()"))
    eventually(lambda: standby.sql(received) == "t")
    await asyncio.sleep(0.3)  # the last transaction is older now than what is allowed
    assert (await ask(monitor, standby, role="standby", max_lag=0.2)).ok


async def test_a_standby_that_lost_its_primary_is_behind(monitor: PostgresMonitor, eventually) -> None:
    with running(Cluster()) as source, running(Cluster(), source) as cluster:
        source.sql("CREATE TABLE t ()")
        eventually(lambda: cluster.sql("SELECT count(*) FROM pg_class WHERE relname = 't'") == "1")
        source.stop()
        eventually(lambda: cluster.sql("SELECT count(*) FROM pg_stat_wal_receiver") == "0")
        await asyncio.sleep(0.3)
        result = await ask(monitor, cluster, role="standby", max_lag=0.2)
        assert result.reason == "status"
        assert result.detail.startswith("standby, ")
        assert result.detail.endswith(" s behind, expected at most 0.2 s")
        assert (await ask(monitor, cluster, role="standby", max_lag=60.0)).ok


async def test_a_role_that_sees_the_receiver_judges_as_one_that_does_not(
    monitor: PostgresMonitor, primary: Cluster, standby: Cluster, eventually
) -> None:
    primary.sql(f"CREATE ROLE watcher LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_stats")
    eventually(lambda: standby.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'watcher'") == "1")
    await asyncio.sleep(0.3)
    assert (await ask(monitor, standby, role="standby", max_lag=0.2, user="watcher")).ok


async def test_a_standby_that_waits_on_a_timeline_nobody_writes_is_behind(
    monitor: PostgresMonitor, primary: Cluster, eventually
) -> None:
    """Whose upstream was promoted; to a role that cannot see the receiver's status it looks as if it streamed."""
    primary.sql(f"CREATE ROLE observer LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_stats")
    with running(Cluster(), primary) as upstream:
        conninfo = f"host={upstream.address} port={upstream.port} user={ADMIN}"
        settings = {"recovery_target_timeline": "current", "primary_conninfo": conninfo}
        cluster = Cluster()
        try:
            cluster.follow(primary).start(**settings, wal_retrieve_retry_interval="60s")
            status = "SELECT status FROM pg_stat_wal_receiver"
            eventually(lambda: cluster.sql(status) == "streaming", 5)
            assert str(await ask(monitor, cluster, role="standby", max_lag=0.2, user="observer")) == ""
            upstream.promote()
            eventually(lambda: cluster.sql(status) == "waiting", 5)
            result = await ask(monitor, cluster, role="standby", max_lag=0.2, user="observer")
            assert str(result) == "status: standby, and how far it is behind is not known"
            assert (await ask(monitor, cluster, role="standby", max_lag=0.2)).ok
        finally:
            cluster.close()


@pytest.mark.parametrize(
    ("role", "max_lag", "recovering", "lag", "told"),
    [
        ("standby", 1.0, True, 1.0, ""),
        ("standby", 1.0, True, 1.26, "standby, 1.3 s behind, expected at most 1 s"),
        ("standby", 1.0, True, None, "standby, and how far it is behind is not known"),
        ("standby", None, True, None, ""),
        ("standby", 1.0, False, None, "primary, expected standby"),
        ("any", None, True, None, ""),
    ],
)
def test_judging(role: str, max_lag: float | None, recovering: bool, lag: float | None, told: str) -> None:
    monitor = PostgresMonitor("db", 5432, role=role, max_lag=max_lag)
    if not told:
        judge(monitor, recovering, lag)
        return
    with pytest.raises(ProbeError) as caught:
        judge(monitor, recovering, lag)
    assert (caught.value.reason, caught.value.message) == ("status", told)


async def test_the_password_is_read_again_and_never_told(
    monitor: PostgresMonitor, primary: Cluster, password: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await ask(monitor, primary)).ok
    password.write_text("wrong secret\nsecond line")
    result, stages = await traced(check, replace(monitor, port=primary.port), primary.address)
    assert str(result) == 'protocol: password authentication failed for user "gslb"'
    told = f"{monitor}{result!r}{stages}{caplog.text}"
    assert "secret" not in told
    assert PASSWORD not in told
    password.write_text(f"{PASSWORD}\r\n")
    assert (await ask(monitor, primary)).ok


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (None, "No such file or directory"),
        (b"x" * (MAX_PASSWORD + 1), f"longer than {MAX_PASSWORD} octets"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
async def test_a_password_file_that_cannot_be_used(
    monitor: PostgresMonitor, password: Path, octets: bytes | None, told: str
) -> None:
    password.unlink() if octets is None else password.write_bytes(octets)
    result = await check(monitor, "127.0.0.1")
    assert str(result) == f"protocol: cannot use the password file: {told}"


async def test_nothing_is_taken_from_the_environment(
    monitor: PostgresMonitor, primary: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert (await ask(monitor, primary)).ok
    assert not (await ask(monitor, primary, password_file=None)).ok


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"user": "nobody"}, 'protocol: password authentication failed for user "nobody"'),
        ({"database": "gone"}, 'protocol: database "gone" does not exist'),
        ({"tls": "require"}, "tls: the server does not offer TLS"),
    ],
)
async def test_logins_that_fail(monitor: PostgresMonitor, primary: Cluster, options: dict[str, str], told: str) -> None:
    assert str(await ask(monitor, primary, **options)) == told


async def test_no_connection_is_left(monitor: PostgresMonitor, primary: Cluster, eventually) -> None:
    for role in ("primary", "standby", "any"):
        await ask(monitor, primary, role=role)
    await ask(monitor, primary, timeout=0.002)
    left = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{USER}'"
    await asyncio.to_thread(eventually, lambda: primary.sql(left) == "0", 5)
    assert "unexpected EOF" not in primary.log()


async def test_tls(monitor: PostgresMonitor, primary: Cluster, authority) -> None:
    authority.server("db.example.com")
    chain = max(authority.ca.parent.glob("server*.pem"), key=lambda path: path.stat().st_mtime_ns)
    with running_with_tls(chain.read_bytes()) as cluster:
        ca = str(authority.ca)
        result, stages = await traced(
            check,
            replace(monitor, port=cluster.port, tls="verify", ca=ca, sni="db.example.com", role="primary"),
            cluster.address,
        )
        assert str(result) == ""
        assert result.tls_days == pytest.approx(30, abs=0.1)
        assert {"connected", "tls", "certificate", "answer"} <= {stage.name for stage in stages}
        assert (await ask(monitor, cluster, tls="require")).ok
        for options in ({"sni": "other.example.com", "ca": ca}, {"ca": ca}, {"sni": "db.example.com"}):
            assert (await ask(monitor, cluster, tls="verify", **options)).reason == "tls"


@contextmanager
def running_with_tls(chain: bytes) -> Iterator[Cluster]:
    cluster = Cluster().create()
    try:
        path = str(cluster.own("server.pem", chain))
        yield cluster.start(ssl="on", ssl_cert_file=path, ssl_key_file=path)
    finally:
        cluster.close()


async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


LOGIN = b"R\0\0\0\x08\0\0\0\0"
VERSION = b"S\0\0\0\x18server_version\x0015.0\0"
READY = b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x01Z\0\0\0\x05I"


async def mute_after_login(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lets everyone in, and answers no query."""
    length = int.from_bytes(await reader.readexactly(4))
    await reader.readexactly(length - 4)
    writer.write(LOGIN + VERSION + READY)
    await asyncio.sleep(30)


async def test_a_login_that_lacks_something_leaves_no_connection(serve, monitor: PostgresMonitor) -> None:
    gone = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(LOGIN + READY)
        with suppress(ConnectionError):
            await reader.read()
        gone.set()

    result = await check(replace(monitor, port=await serve(handler)), "127.0.0.1")
    assert result.reason == "protocol"
    await asyncio.wait_for(gone.wait(), 1)


@pytest.mark.parametrize(
    ("handler", "stage"),
    [
        (tarpit, "connected, waiting for the answer to the startup packet"),
        (mute_after_login, "logged in, waiting for the answer"),
    ],
)
async def test_deadlines_leave_nothing(serve, monitor: PostgresMonitor, handler, stage: str) -> None:
    port = await serve(handler)
    before = asyncio.all_tasks()
    begun = time.monotonic()
    result = await check(replace(monitor, port=port, timeout=0.3), "127.0.0.1")
    assert str(result) == f"timeout: {stage}, within 0.3 s"
    assert time.monotonic() - begun < 0.8
    await asyncio.sleep(0.05)
    assert {task for task in asyncio.all_tasks() - before if "handle" not in repr(task.get_coro())} == set()


def answering(octets: bytes):
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(octets)
        await writer.drain()

    return handler


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0" * 1000,
        b"R\0\0\0\x08\0\0\0\x63",
        b"R\0\0\0\x04",
        b"E\0\0\0\x05\xff",
        b"Z\0\0\0\x05I",
        b"T\0\0\0\x06\xff\xff",
    ],
)
@pytest.mark.parametrize("tls", ["off", "require"])
async def test_what_is_no_postgresql_server(serve, monitor: PostgresMonitor, octets: bytes, tls: str) -> None:
    port = await serve(answering(octets))
    result = await check(replace(monitor, port=port, timeout=1.0, tls=tls), "127.0.0.1")
    assert not result.ok
    assert result.reason in ("protocol", "reset", "tls"), str(result)


def hostile(octets: bytes):
    """Its first answer of all, which is looked at apart from a login, is that of a server; the others are `octets`."""
    first = True

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        await reader.read(1000)
        writer.write(LOGIN if first else octets)
        first = False
        with suppress(ConnectionError):
            await writer.drain()
            await reader.read()

    return handler


async def test_servers_that_capture_the_client_hold_up_nobody(
    serve, monitor: PostgresMonitor, primary: Cluster
) -> None:
    port = await serve(tarpit)
    ends: list[float] = []
    clock = asyncio.get_running_loop().time
    over = clock() + 3

    async def watch() -> None:
        while clock() < over:
            assert (await tcp.check(tcp.TcpMonitor("near", port, timeout=1.0), "127.0.0.1")).ok
            ends.append(clock())
            await asyncio.sleep(0.2)

    async def be_captured() -> set[str]:
        told: set[str] = set()
        while clock() < over:
            result = await check(replace(monitor, port=await serve(hostile(bytes(1000))), timeout=0.7), "127.0.0.1")
            told.add(str(result))
        return told

    async def log_in() -> None:
        while clock() < over:
            assert str(await ask(monitor, primary, role="primary", timeout=1.5)) == ""

    watching, told, _ = await asyncio.gather(watch(), be_captured(), log_in())
    assert watching is None
    assert told == {"timeout: logging in, within 0.7 s"}
    assert len(ends) > 10
    assert max(later - sooner for sooner, later in pairwise(ends)) < 0.5


async def test_nobody_listens(monitor: PostgresMonitor, free_port) -> None:
    assert (await check(replace(monitor, port=free_port()), "127.0.0.1")).reason == "refused"


async def test_without_the_extra_the_handshake_alone_decides(
    primary: Cluster, standby: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pglogin, "INSTALLED", False)
    monitor = PostgresMonitor("db", 5432, timeout=5.0)
    for cluster in (primary, standby):
        assert (await ask(monitor, cluster)).ok
    assert str(await ask(monitor, primary, tls="require")) == "tls: the server does not offer TLS"


def test_without_the_extra_a_role_is_a_problem_that_names_it(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pglogin, "INSTALLED", False)
    assert folder.load(monitors="web: {type: postgres}", pools=POOL).monitors["web"].kind == "postgres"
    (message,) = folder.messages(monitors="web: {type: postgres, role: primary}", pools=POOL)
    assert message.startswith("monitors.web.role: needs asyncpg, which is not installed")
    assert "pip install gslb[postgres]" in message


def test_the_extra_may_be_missing() -> None:
    code = "import sys; sys.modules['asyncpg'] = None; from gslb.probe import pglogin; print(pglogin.INSTALLED)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stdout == "False\n", done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_configuration(folder: Folder) -> None:
    for name in ("password", "ca.pem"):
        folder.write(f"zones/{name}", "x")
    text = (
        "web: {type: postgres, port: 5433, role: standby, database: app, user: probe, password_file: password,"
        " tls: verify, ca: ca.pem, sni: db.example.com, max_lag: 10s}"
    )
    monitor = folder.load(monitors=text, pools=POOL).monitors["web"]
    assert isinstance(monitor, PostgresMonitor)
    assert (monitor.port, monitor.role, monitor.database, monitor.user) == (5433, "standby", "app", "probe")
    assert (monitor.tls, monitor.sni, monitor.max_lag) == ("verify", "db.example.com", 10.0)
    assert (monitor.password_file, monitor.ca) == tuple(
        str(folder.path / f"zones/{name}") for name in ("password", "ca.pem")
    )
    by_address = folder.load(monitors="web: {type: postgres, tls: require, sni: '2001:db8::1'}", pools=POOL)
    assert by_address.monitors["web"].sni == "2001:db8::1"
    plain = folder.load(monitors="web: {type: postgres, tls: 'off'}", pools=POOL).monitors["web"]
    assert plain == PostgresMonitor("web", 5432)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("role: leader", "monitors.web.role: "),
        ("tls: on", "monitors.web.tls: "),
        ("tls: off", "monitors.web.tls: "),
        ("user: ''", "monitors.web.user: "),
        ('database: "a\\0b"', "monitors.web.database: "),
        ("password: x", "monitors.web.password: "),
        ("password_file: gone", "monitors.web.password_file: "),
        ("tls: require, ca: a.pem", "monitors.web.ca: is for tls: verify alone"),
        ("tls: require, warn_days: 7", "monitors.web.warn_days: is for tls: verify alone"),
        ("sni: a.example.com", "monitors.web.sni: is not used with tls: off"),
        ("tls: require, sni: 'a.example.com:5432'", "monitors.web.sni: must be a host name or an address"),
        ("max_lag: 5s", "monitors.web.max_lag: is for role: standby alone"),
        ("role: standby, max_lag: 1ms", "monitors.web.max_lag: "),
        ("port: 0", "monitors.web.port: "),
    ],
)
def test_faults(folder: Folder, keys: str, fault: str) -> None:
    folder.write("zones/a.pem", "x")
    messages = folder.messages(monitors=f"web: {{type: postgres, {keys}}}", pools=POOL)
    assert len(messages) == 1
    assert messages[0].startswith(fault)
