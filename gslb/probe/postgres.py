"""The `postgres` monitor: log in and ask whether the server is primary or standby, which each probe finds out anew.

Each probe begins a connection and judges the first answer (gslb.probe.pghandshake), then logs in on a second one
(gslb.probe.pglogin). Logging in needs asyncpg, an extra; without it a probe of role `any` ends after the first.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from gslb.config.model import WARN_DAYS, Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import MonitorShape, Port, lasting, matching
from gslb.probe import pglogin
from gslb.probe.exchange import OURS, Progress, conclude
from gslb.probe.pghandshake import Opening, greet
from gslb.probe.pglogin import LOGINS, Request
from gslb.probe.result import ProbeError, Result
from gslb.probe.trace import tracing
from gslb.probe.trust import ServerName, WarnDays, tls_context

MAX_PASSWORD: Final = 1000  # octets of its file
_ROLE: Final = "SELECT pg_is_in_recovery(), NULL::float8"
# With all replayed that was received, a standby that streams is not behind, however old the last transaction. A role
# without privileges sees the receiver's process number alone, which is there from its first connection to its end.
_ROLE_AND_LAG: Final = """\
SELECT pg_is_in_recovery(), CASE
  WHEN NOT pg_is_in_recovery() THEN NULL
  WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()
    AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE coalesce(status, 'streaming') = 'streaming') THEN 0
  WHEN pg_last_xact_replay_timestamp() IS NOT NULL
    THEN greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
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
    sni: ServerName | None = None
    warn_days: WarnDays = WARN_DAYS
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
        warn_days=shape.warn_days,
        max_lag=shape.max_lag,
        **common._asdict(),
    )


def _check(shape: PostgresShape, source: Source) -> None:
    path, findings = source.path, source.findings
    if shape.role != "any" and not pglogin.INSTALLED:
        hint = "pip install gslb[postgres], or role: any"
        findings.problem((*path, "role"), "needs asyncpg, which is not installed", hint)
    for key in ("ca", "warn_days"):
        if key in shape.model_fields_set and shape.tls != "verify":
            findings.problem((*path, key), "is for tls: verify alone", f"set it, or leave {key} out", key=True)
    if shape.sni is not None and shape.tls == "off":
        findings.problem((*path, "sni"), "is not used with tls: off", "set tls, or leave sni out", key=True)
    if shape.max_lag is not None and shape.role != "standby":
        findings.problem((*path, "max_lag"), "is for role: standby alone", "a primary is not behind", key=True)


async def check(monitor: PostgresMonitor, address: str) -> Result:
    """Probe one address (canonical text). Raises OSError only where this machine cannot make the probe."""
    if not pglogin.INSTALLED:
        return await conclude(partial(_greet, monitor, address), monitor.timeout)
    async with LOGINS.open() as login:
        clock = asyncio.get_running_loop().time
        deadline = clock() + monitor.timeout

        async def ask(progress: Progress) -> None:
            request = _request(monitor, address)
            await _greet(monitor, address, progress)
            state = await login.ask(request, deadline - clock(), progress)
            judge(monitor, state.recovering, state.lag)

        return await conclude(ask, monitor.timeout)


async def _greet(monitor: PostgresMonitor, address: str, progress: Progress) -> None:
    context = None if monitor.tls == "off" else tls_context(monitor.ca, verify=monitor.tls == "verify")
    opening = Opening(monitor.port, monitor.user, monitor.database, context, monitor.sni)
    await greet(opening, address, progress)


def _request(monitor: PostgresMonitor, address: str) -> Request:
    return Request(
        address,
        monitor.port,
        monitor.user,
        _password(monitor.password_file),
        monitor.database,
        _ROLE if monitor.max_lag is None else _ROLE_AND_LAG,
        monitor.tls,
        monitor.sni or address,
        monitor.ca,
    )


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


KIND = Kind(PostgresShape, build, check)
