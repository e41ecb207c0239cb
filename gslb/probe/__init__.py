"""Probes: one file for each type of monitor, with all that belongs to it, and the runner that keeps their time.

A failed probe is a value, no exception.
"""

from gslb.config.monitors import Kinds
from gslb.probe import dns, http, icmp, postgres, push, ready, tcp, tls
from gslb.probe.exec import KIND as EXEC

KINDS: Kinds = {
    "dns": dns.KIND,
    "exec": EXEC,
    "http": http.KIND,
    "icmp": icmp.KIND,
    "pgpool": ready.PGPOOL,
    "postgres": postgres.KIND,
    "push": push.KIND,
    "tcp": tcp.KIND,
    "tls": tls.KIND,
    "zabbix-server": ready.ZABBIX_SERVER,
    "zabbix-web": ready.ZABBIX_WEB,
}
