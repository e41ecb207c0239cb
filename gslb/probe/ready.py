"""Ready-made types of monitor: an `http` or a `tcp` monitor that already knows what to ask and what to expect."""

import struct
from dataclasses import replace
from typing import Final, Literal

from gslb.config.model import WARN_DAYS, Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import HostName, MonitorShape, Port
from gslb.probe import http, tcp
from gslb.probe.answer import PRESENT
from gslb.probe.trust import WarnDays

_API_REQUEST: Final = '{"jsonrpc":"2.0","method":"apiinfo.version","params":[],"id":1}'
# Answered by whichever process takes connections in, with "Permission denied." for want of a session: nothing is
# looked up in the database, written or logged.
_STATUS_REQUEST: Final = b'{"request":"status.get","type":"ping"}'
_ZABBIX_MARK: Final = b"ZBXD"
_ZABBIX_HEADER: Final = struct.Struct("<4sBII")  # mark, flags (1: Zabbix protocol), length, reserved
# PostgreSQL, "Message Formats", SSLRequest: length and code. One octet answers it: S (willing) or N (unwilling).
_SSL_REQUEST: Final = struct.pack("!II", 8, 80877103)
_SSL_ANSWERS: Final = (b"S", b"N")


class ZabbixWebShape(MonitorShape):
    port: Port | None = None
    scheme: Literal["http", "https"] = "http"
    path: http.RequestPath = "/api_jsonrpc.php"
    host: HostName | None = None
    sni: HostName | None = None
    verify: bool = True
    ca: str | None = None
    warn_days: WarnDays = WARN_DAYS


def build_zabbix_web(common: Common, shape: ZabbixWebShape, source: Source) -> Monitor:
    """An `http` monitor that asks the front end's API for its version. See gslb.config.monitors.Kind."""
    request = {
        "method": "POST",
        "headers": {"Content-Type": "application/json-rpc"},
        "body": _API_REQUEST,
    }
    given = http.HttpShape.model_construct(shape.model_fields_set, **dict(shape), **request)
    # A front end without its database answers 200 too, with "error" in the place of "result".
    return replace(http.build(common, given, source), json=(("result", PRESENT),))


class ZabbixServerShape(MonitorShape):
    port: Port = 10051
    ask: bool = True


def build_zabbix_server(common: Common, shape: ZabbixServerShape, _: Source) -> Monitor:
    """A `tcp` monitor that is satisfied by the active server alone: others do not listen. See Kind."""
    if not shape.ask:
        return tcp.TcpMonitor(port=shape.port, **common._asdict())
    header = _ZABBIX_HEADER.pack(_ZABBIX_MARK, 1, len(_STATUS_REQUEST), 0)
    request = header + _STATUS_REQUEST
    return tcp.TcpMonitor(port=shape.port, send=request, begins=(_ZABBIX_MARK,), **common._asdict())


class PgpoolShape(MonitorShape):
    port: Port = 9999


def build_pgpool(common: Common, shape: PgpoolShape, _: Source) -> Monitor:
    """A `tcp` monitor that begins a PostgreSQL connection. See gslb.config.monitors.Kind."""
    return tcp.TcpMonitor(port=shape.port, send=_SSL_REQUEST, begins=_SSL_ANSWERS, **common._asdict())


ZABBIX_WEB = Kind(ZabbixWebShape, build_zabbix_web, http.check)
ZABBIX_SERVER = Kind(ZabbixServerShape, build_zabbix_server, tcp.check)
PGPOOL = Kind(PgpoolShape, build_pgpool, tcp.check)
