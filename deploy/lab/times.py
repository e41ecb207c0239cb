"""What is promised, taken from the configuration that is served: each profile has promises of its own. Seconds."""

from typing import NamedTuple

from deploy.lab.database.ledger import TTL
from deploy.lab.plan import NAGOYA, ZONE
from gslb.config.load import load
from gslb.config.model import Config
from gslb.config.recovery import PUBLISH, Recoveries
from gslb.config.requires import closure
from gslb.dns.name import to_text
from gslb.probe import KINDS

TAKEOVER = {"fast": 30.0, "default": 60.0}  # of Zabbix's own high availability: longer than the database's failover
ELECTION = 3.0  # of etcd's leader, where it dies with a site
_LONGER = 3.0  # a new leader lets every lease begin anew, and run for an election longer
_LOOKS = 2.0  # of etcd at its leases, of failover.py and of the guardian at etcd
_PROMOTION = 3.0
_HEALTH = 3.0  # Pgpool's health check and its retries, where the machine answers; else it runs beside the lease
DATABASE = ELECTION + _LONGER + TTL + _LOOKS + _PROMOTION
GIVEN_BACK = _HEALTH + _LOOKS + _PROMOTION  # where the guardian lives, and does not leave the lease to end by itself
GLANCE = 2.5  # without a primary where none moves: looks are 0.5 s apart, and one may fail
COMMIT = 6.0  # between two commits where nobody is promoted
SILENT = 10.0  # more, where the standby vanishes without a word: noticed after 3 s, given up after 4 s, and a try lost
PAGE = 3.0  # a request that was under way, or that the user gave up
WHOLE = 1.0  # a resolver counts in whole seconds
_POLL = 5.0  # how often a standby Zabbix server looks at the active one
_RECONNECT = 10.0  # until it tries again to reach a database that it lost
_START = 10.0  # until a server that took over has read its configuration, and listens
_TRY = 3.0  # an agent waits so long for an answer
_RETRY = 4.0  # an agent's try, and its pause


class Follow(NamedTuple):
    """One name: until no name server answers a dead member; until one that works again is known; the TTL."""

    falls: float
    rises: float
    ttl: float


class Times(NamedTuple):
    """`web`, `server` and `primary` are the names zabbix, zabbix-server and zabbix-db."""

    profile: str
    web: Follow
    server: Follow
    primary: Follow

    def value(self, database_moves: bool) -> float:
        """The longest that a value waits: its server dies, and the other one takes over.

        The standby counts its own looks, and while there is no database it has none.
        """
        blind = DATABASE + _RECONNECT if database_moves else 0.0
        server = self.server
        return TAKEOVER[self.profile] + _POLL + blind + _START + server.rises + server.ttl + WHOLE + _RETRY

    def moment(self, database_moves: bool) -> float:
        """The longest that a value waits where its server lives on."""
        return _TRY + self.server.ttl + WHOLE + _RETRY + (DATABASE if database_moves else 0.0)


def served(profile: str) -> Times:
    """By the files that a profile's nodes read. Raises ConfigError."""
    return of(load(str(NAGOYA.host("dns").folder / "gslb" / "gslb.yaml"), KINDS), profile)


def of(config: Config, profile: str) -> Times:
    """By any configuration with the names of zones/zabbix.yaml."""
    web, server, primary = (_follow(config, name) for name in ("zabbix", "zabbix-server", "zabbix-db"))
    return Times(profile, web, server, primary)


def _follow(config: Config, name: str) -> Follow:
    names = (item for zone in config.zones.values() for item in zone.names)
    found = next(item for item in names if to_text(item.owner) == f"{name}.{ZONE}.")
    worst = Recoveries(config).of(found.rules)
    pools = closure(config.pools, {pool for rule in found.rules for pool in rule.pools})
    monitors = [config.monitors[monitor] for pool in pools for monitor in config.pools[pool].monitors.of]
    rises = max((one.rise + one.jitter) * one.interval + one.timeout for one in monitors)
    return Follow(worst.detection + worst.votes + worst.publish, rises + PUBLISH, found.ttl)
