"""The database that everything begins with: made once at Tokyo, before Osaka copies it."""

import gzip
from pathlib import Path

from deploy.lab.files import passwords
from deploy.lab.plan import TOKYO
from deploy.lab.processes import LabError, run

_SCHEMA = Path("/usr/share/zabbix-server-pgsql")
_BIN = "/usr/lib/postgresql/15/bin"
FOLDER = TOKYO.host("db").folder / "postgresql"
_DONE = FOLDER / "filled"
_ROLES = """\
ALTER ROLE postgres PASSWORD '{postgres}';
CREATE ROLE guardian LOGIN SUPERUSER REPLICATION PASSWORD '{guardian}';
CREATE ROLE pgpool LOGIN PASSWORD '{pgpool}' IN ROLE pg_monitor;
CREATE ROLE gslb LOGIN PASSWORD '{gslb}';
CREATE ROLE zabbix LOGIN PASSWORD '{zabbix}';
CREATE DATABASE zabbix OWNER zabbix;
"""


def create() -> None:
    """An empty cluster."""
    if not (FOLDER / "data" / "PG_VERSION").exists():
        argv = ("initdb", "-D", str(FOLDER / "data"), "-A", "peer", "-N", "-E", "UTF8", "--locale=C.UTF-8")
        run(TOKYO.host("db"), f"{_BIN}/{argv[0]}", *argv[1:], user="postgres")


def answers() -> bool:
    """Whether the primary at Tokyo takes queries."""
    try:
        return sql("SELECT pg_is_in_recovery()") == "f"
    except LabError:  # it starts
        return False


def fill(failover_delay: str) -> None:
    """Roles, and Zabbix's own tables, from the beginning."""
    sql("DROP DATABASE IF EXISTS zabbix")
    for role in ("guardian", "pgpool", "gslb", "zabbix"):
        sql(f"DROP ROLE IF EXISTS {role}")
    sql(_ROLES.format(**passwords()))
    for name in ("schema", "images", "data"):
        text = gzip.decompress((_SCHEMA / f"{name}.sql.gz").read_bytes()).decode()
        sql(f"SET ROLE zabbix;\n{text}", "zabbix")
    sql(f"UPDATE config SET ha_failover_delay = '{failover_delay}'", "zabbix")
    _DONE.touch()


def filled() -> bool:
    """Whether that is done. From then on the primary may be anywhere."""
    return _DONE.exists()


def sql(text: str, database: str = "postgres") -> str:
    """What a superuser's query answers at Tokyo, by its socket."""
    argv = ("-h", str(FOLDER), "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-", database)
    return run(TOKYO.host("db"), "psql", *argv, user="postgres", text=text).strip()
