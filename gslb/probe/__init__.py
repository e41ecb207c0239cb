"""Probes: one file per monitor type, and the runner that keeps their time. A failed probe is a value, no exception."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gslb.config.model import HttpMonitor, Monitor, TcpMonitor
from gslb.probe import http, tcp
from gslb.probe.result import Result

Check = Callable[[Any, str], Awaitable[Result]]  # (monitor of its type, address)

CHECKS: Mapping[type[Monitor], Check] = {HttpMonitor: http.check, TcpMonitor: tcp.check}
