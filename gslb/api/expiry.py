"""Certificates that run out, as status and /metrics show them: what the probes of this node saw."""

from collections.abc import Mapping
from typing import Any

from gslb.config.model import Monitor
from gslb.health.states import TargetKey

Json = dict[str, Any]


def expiry_view(monitor: Monitor, days: float | None) -> Json:
    """Days left to the certificate that a target showed last, None where it showed none; and whether they are few."""
    return {"tls_days": days, "tls_warning": days is not None and days < monitor.warn_days}


def expiry_lines(days: Mapping[TargetKey, float]) -> str:
    """The family of /metrics, as text. Neither names of monitors nor addresses need escapes."""
    name = "gslb_tls_expiry_days"
    head = f"# HELP {name} Days left to the certificate that a target showed last.\n# TYPE {name} gauge\n"
    lines = (f'{name}{{monitor="{key.monitor}",address="{key.address}"}} {left:.3f}\n' for key, left in days.items())
    return head + "".join(lines)
