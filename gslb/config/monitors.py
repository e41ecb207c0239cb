"""Monitors from their shapes."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from gslb.config.document import Findings, Path, suggestion
from gslb.config.model import HttpMonitor, Monitor, TcpMonitor
from gslb.config.schema import MONITORS, HttpShape, MonitorShape, TcpShape
from gslb.config.validate import validate
from gslb.config.values import identifier

DEFAULT_TIMEOUT: Final = 2.0  # seconds; no more than the interval
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# The probe writes these itself: twice they would make another request than the one that was meant (RFC 9112 section 6).
_OWN_HEADERS: Final = {
    "host": "give `host` instead",
    "content-length": "it follows from `body`",
    "transfer-encoding": "it follows from `body`",
    "connection": "each probe has a connection of its own",
}


class Common(NamedTuple):
    """What every monitor has: how often and how strictly."""

    name: str
    interval: float
    timeout: float
    fall: int
    rise: int
    jitter: float
    flaky: float


def build_monitor(name: str, raw: object, findings: Findings, resolve: Callable[[str], str]) -> Monitor | None:
    """The monitor, or None after its problems were noted; `resolve(path)` is absolute, or raises ValueError."""
    path: Path = ("monitors", name)
    try:
        identifier(name)
    except ValueError as error:
        findings.problem(path, str(error), key=True)
    kind = raw.get("type") if isinstance(raw, dict) else None
    if kind is not None and (not isinstance(kind, str) or kind not in MONITORS):
        hint = suggestion(str(kind), MONITORS)
        findings.problem((*path, "type"), f"is not a type of monitor (got {kind!r})", hint)
        return None
    shape = validate(MONITORS.get(str(kind), MonitorShape), raw, path, findings)
    if shape is None:
        return None
    common = _common(name, shape, path, findings)
    if isinstance(shape, HttpShape):
        return _http(common, shape, path, findings, resolve)
    assert isinstance(shape, TcpShape)
    return TcpMonitor(port=shape.port, send=shape.send.encode(), expect=shape.expect.encode(), **common._asdict())


def _common(name: str, shape: MonitorShape, path: Path, findings: Findings) -> Common:
    timeout = min(DEFAULT_TIMEOUT, shape.interval) if shape.timeout is None else shape.timeout
    if timeout > shape.interval:
        message = f"must be at most the interval, {shape.interval:g} s (got {timeout:g} s)"
        findings.problem((*path, "timeout"), message, "a probe ends before the next one starts")
    return Common(name, shape.interval, timeout, shape.fall, shape.rise, shape.jitter, shape.flaky)


def _http(
    common: Common, shape: HttpShape, path: Path, findings: Findings, resolve: Callable[[str], str]
) -> HttpMonitor:
    _check_tls(shape, path, findings)
    _check_regex(shape.expect.regex, (*path, "expect", "regex"), findings)
    for header in shape.headers:
        hint = _OWN_HEADERS.get(header.lower())
        if hint:
            findings.problem((*path, "headers", header), "is set by the probe", hint, key=True)
    expect = shape.expect
    ca = None
    try:
        ca = None if shape.ca is None else resolve(shape.ca)
    except ValueError as error:
        findings.problem((*path, "ca"), str(error))
    return HttpMonitor(
        port=shape.port or _DEFAULT_PORTS[shape.scheme],
        scheme=shape.scheme,
        method=shape.method,
        path=shape.path,
        headers=tuple(shape.headers.items()),
        body=shape.body,
        host=shape.host,
        sni=shape.sni,
        verify=shape.verify,
        ca=ca,
        status=tuple(expect.status),
        contains=expect.body,
        regex=expect.regex,
        json=tuple(expect.json_.items()),
        **common._asdict(),
    )


def _check_tls(shape: HttpShape, path: Path, findings: Findings) -> None:
    given = [key for key in ("sni", "verify", "ca") if key in shape.model_fields_set]
    if shape.scheme == "http":
        for key in given:
            findings.problem((*path, key), "is for https alone", "set scheme: https, or leave it out", key=True)
    elif shape.ca is not None and not shape.verify:
        findings.problem((*path, "ca"), "is not used with verify: false", "leave one of them out", key=True)


def _check_regex(regex: str | None, path: Path, findings: Findings) -> None:
    try:
        re.compile(regex or "")
    except (re.error, OverflowError, RecursionError, Warning) as error:
        findings.problem(path, f"is not a regular expression of Python: {error}")
