"""Probes: one file for each type of monitor, with all that belongs to it, and the runner that keeps their time.

A failed probe is a value, no exception.
"""

from gslb.config.monitors import Kinds
from gslb.probe import http, tcp

KINDS: Kinds = {"http": http.KIND, "tcp": tcp.KIND}
