"""The `postgres` monitor: log in and ask whether the server is primary or standby, which each probe finds out anew.

Each probe has a connection of its own. Logging in needs asyncpg, an extra; without it a probe of role `any` begins a
connection and judges the first answer (gslb.probe.pghandshake).
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from gslb.config.model import Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import HostName, MonitorShape, Port, lasting, matching
from gslb.probe.exchange import OURS, Progress, conclude
from gslb.probe.pghandshake import Opening, greet
from gslb.probe.pgtls import Sessions, postgres_context, watch_session
from gslb.probe.result import ProbeError, Result
from gslb.probe.trace import tracing
from gslb.probe.trust import days_left, note_tls

try:
    import asyncpg
except ImportError:
    asyncpg = None
else:

    class _Connection(asyncpg.Connection):  # type: ignore[misc]
        """A connection that is closed where a server leaves out at login what the client counts on."""

        def __init__(self, protocol: Any, transport: Any, *more: Any) -> None:
            try:
                super().__init__(protocol, transport, *more)
            except Exception:
                transport.abort()
                raise

        def __del__(self) -> None:
            """Nothing: every connection is ended by its probe, and half of one has nothing to look at."""


MAX_PASSWORD: Final = 1000  # octets of its file
_GOODBYE: Final = 0.2  # seconds in which a server is expected to hang up
_ROLE: Final = "SELECT pg_is_in_recovery(), NULL::float8"
# With all replayed that was received, a standby whose sender is there is not behind, however old the last transaction.
# The process number is what a role without privileges sees of the receiver.
_ROLE_AND_LAG: Final = """\
SELECT pg_is_in_recovery(), CASE
  WHEN NOT pg_is_in_recovery() THEN NULL
  WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
    AND EXISTS (SELECT FROM pg_stat_get_wal_receiver() WHERE pid IS NOT NULL) THEN 0
  ELSE greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
END::float8"""


@dataclass(frozen=True, slots=True)
class PostgresMonitor(Monitor):
    """A login, and the role that the server must have. The password stays in its file."""

    kind: ClassVar[str] = "postgres"

    role: Literal["any", "primary", "standby"] = "any"
    database: str = "postgres"
    user: str = "gslb"
    password_file: str | None = None
    tls: Literal["off", "require", "verify"] = "off"
    ca: str | None = None  # file with the trusted authorities
    sni: str | None = None  # TLS server name; the address where absent
    max_lag: float | None = None  # seconds


Identifier = Annotated[str, matching(r"[^\0\r\n]{1,63}", "a name of up to 63 characters")]


class PostgresShape(MonitorShape):
    port: Port = 5432
    role: Literal["any", "primary", "standby"] = "any"
    database: Identifier = "postgres"
    user: Identifier = "gslb"
    password_file: str | None = None
    tls: Literal["off", "require", "verify"] = "off"
    ca: str | None = None
    sni: HostName | None = None
    max_lag: Annotated[float | None, lasting("100ms", "24h")] = None


def build(common: Common, shape: PostgresShape, source: Source) -> PostgresMonitor:
    """See gslb.config.monitors.Kind."""
    _check(shape, source)
    return PostgresMonitor(
        port=shape.port,
        role=shape.role,
        database=shape.database,
        user=shape.user,
        password_file=source.file("password_file", shape.password_file),
        tls=shape.tls,
        ca=source.file("ca", shape.ca),
        sni=shape.sni,
        max_lag=shape.max_lag,
        **common._asdict(),
    )


def _check(shape: PostgresShape, source: Source) -> None:
    path, findings = source.path, source.findings
    if shape.role != "any" and asyncpg is None:
        hint = "pip install gslb[postgres], or role: any"
        findings.problem((*path, "role"), "needs asyncpg, which is not installed", hint)
    if shape.ca is not None and shape.tls != "verify":
        findings.problem((*path, "ca"), "is for tls: verify alone", "set it, or leave ca out", key=True)
    if shape.sni is not None and shape.tls == "off":
        findings.problem((*path, "sni"), "is not used with tls: off", "set tls, or leave sni out", key=True)
    if shape.max_lag is not None and shape.role != "standby":
        findings.problem((*path, "max_lag"), "is for role: standby alone", "a primary is not behind", key=True)


async def check(monitor: PostgresMonitor, address: str) -> Result:
    """Probe one address (canonical text). Raises OSError only where this machine cannot make the probe."""

    async def ask(progress: Progress) -> None:
        sessions = watch_session()
        verify = monitor.tls == "verify"
        context = None if monitor.tls == "off" else postgres_context(monitor.ca, monitor.sni, verify=verify)
        opening = Opening(monitor.port, monitor.user, monitor.database, context)
        password = _password(monitor.password_file)
        try:
            # Before every login too: the client never returns from octets that are framed as no PostgreSQL message is.
            await greet(opening, address, progress)
            if asyncpg is not None:
                await _ask(monitor, opening, (address, password), progress)
        finally:
            _note_session(sessions, progress)

    return await conclude(ask, monitor.timeout)


def _note_session(sessions: Sessions, progress: Progress) -> None:
    session = sessions.current
    if session is None:
        return
    if certificate := session.getpeercert():
        progress.tls_days = days_left(certificate)
    if trace := tracing():
        note_tls(trace, session)


async def _ask(monitor: PostgresMonitor, opening: Opening, login: tuple[str, str], progress: Progress) -> None:
    """Log in and judge the role. Raises ProbeError, and OSError where the connection fails."""
    address, password = login
    progress.stage = "logging in"
    try:
        connection = await _connect(opening, address, password)
        try:
            if trace := tracing():
                trace.note("connected", f"{address} port {opening.port}, logged in")
            progress.stage = "logged in, waiting for the answer"
            row = await connection.fetchrow(_ROLE if monitor.max_lag is None else _ROLE_AND_LAG)
            judge(monitor, row[0], row[1])
            await _leave(connection)
        finally:
            connection.terminate()
    except (OSError, ProbeError) as error:
        raise _translated(error) from None
    except asyncpg.PostgresError as error:
        raise ProbeError("protocol", _first_line(error)) from None
    except Exception as error:  # what a stranger sends makes the client raise almost anything
        raise ProbeError("protocol", f"not a PostgreSQL answer: {_first_line(error)}") from None


async def _connect(opening: Opening, address: str, password: str) -> Any:
    """Every argument is given, for the client would look for those left out in the environment and in home folders."""
    return await asyncpg.connect(
        host=address,
        port=opening.port,
        user=opening.user,
        password=password,
        database=opening.database,
        ssl=opening.context or False,
        direct_tls=False,
        target_session_attrs="any",
        server_settings={"application_name": "gslb"},
        connection_class=_Connection,
        statement_cache_size=0,
        timeout=None,  # the deadline of `conclude` is the only one
    )


async def _leave(connection: Any) -> None:
    """Say goodbye, so that the server logs no lost client; the verdict is found already."""
    with suppress(Exception):
        await connection.close(timeout=_GOODBYE)


def judge(monitor: PostgresMonitor, recovering: bool, lag: float | None) -> None:
    """Raise ProbeError unless a server in this state is what the monitor wants; `lag` in seconds, None = not known."""
    role = "standby" if recovering else "primary"
    if trace := tracing():
        trace.note("answer", role if lag is None else f"{role}, {lag:.1f} s behind")
    if monitor.role not in ("any", role):
        raise ProbeError("status", f"{role}, expected {monitor.role}")
    if monitor.max_lag is None:
        return
    if lag is None:
        raise ProbeError("status", "standby, and how far it is behind is not known")
    if lag > monitor.max_lag:
        raise ProbeError("status", f"standby, {lag:.1f} s behind, expected at most {monitor.max_lag:g} s")


def _password(path: str | None) -> str:
    """The first line of the file, read anew each time. Raises ProbeError, which says nothing of what is in there."""
    if path is None:
        return ""
    try:
        with Path(path).open("rb") as file:
            octets = file.read(MAX_PASSWORD + 1)
        if len(octets) > MAX_PASSWORD:
            raise ProbeError("protocol", f"cannot use the password file: longer than {MAX_PASSWORD} octets")
        return octets.partition(b"\n")[0].removesuffix(b"\r").decode()
    except OSError as error:
        if error.errno in OURS:
            raise
        raise ProbeError("protocol", f"cannot use the password file: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ProbeError("protocol", "cannot use the password file: not UTF-8") from None


def _translated(error: OSError | ProbeError) -> OSError | ProbeError:
    """The client raises a bare ConnectionError where no TLS comes about; all others are the system's own."""
    if type(error) is not ConnectionError:
        return error
    if "rejected" in str(error):
        return ProbeError("tls", "the server does not offer TLS")
    return ProbeError("protocol", "closed, or refused with an error, before TLS stood")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


KIND = Kind(PostgresShape, build, check)
