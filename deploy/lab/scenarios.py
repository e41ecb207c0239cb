"""What is broken, how it is mended, and what is promised about it."""

from collections.abc import Callable
from typing import NamedTuple

from deploy.lab import network, services
from deploy.lab.acts import (
    back,
    back_by_hand,
    drained_first,
    kill,
    kill_postgres,
    maintenance,
    others,
    power_off,
    start,
)
from deploy.lab.plan import NAGOYA, OSAKA, TOKYO, Site, other
from deploy.lab.times import COMMIT, DATABASE, ELECTION, GIVEN_BACK, GLANCE, PAGE, SILENT, WHOLE, Times


class Scenario(NamedTuple):
    """`user` is how long after the event a user's request may still fail, in seconds; `fails`: none may.

    `do` and `undo` raise LabError where what they are for does not come about.
    """

    name: str
    text: str
    do: Callable[[], None]
    undo: Callable[[], None]
    user: float
    terms: int = 0  # how many failovers of the database it makes
    fails: bool = True
    needs: str = ""  # the site that must have the primary before
    hits: str = TOKYO.name  # the site that must be serving the user at that moment
    leaves: str = ""  # the site that users are led to no more
    loses: str = ""  # the site whose Zabbix server ends, or is cut off, with what it took and had not yet written
    dies: str = ""  # the site of which nothing is served then: Zabbix is to show it
    elects: bool = False  # whether etcd may have to elect a leader meanwhile, which comes on top of the detection
    without: float = GLANCE  # seconds that there may be no primary
    silent: bool = False  # whether the standby vanishes without a word, so that commits wait for it in vain
    mute: str = ""  # the site whose name server cannot be asked
    serves: str = ""  # the site whose Zabbix server may have to hand over, if it is the active one

    @property
    def commit(self) -> float:
        """Seconds that may be between two commits at the primary."""
        if self.terms:
            return self.without + PAGE
        return COMMIT + SILENT if self.silent else COMMIT


def all_of(times: Times) -> list[Scenario]:
    """In the order in which `make lab-test` runs them: each leaves the primary where the next one wants it."""
    gone = times.web.falls + times.web.ttl + WHOLE + PAGE
    return [
        _front_end(TOKYO, gone),
        _front_end(OSAKA, gone),
        _no_database(TOKYO, gone),
        _nodes(OSAKA),
        _cut(OSAKA, gone + ELECTION, needs=TOKYO),
        _cut(TOKYO, gone + DATABASE, needs=TOKYO),
        _drain(TOKYO),
        _nodes(TOKYO),
        _link(gone),
        _witness(),
        _dead(OSAKA, gone + DATABASE),
        _returns(TOKYO, gone + DATABASE),
        _primary(OSAKA),
        _database_host(TOKYO),
    ]


def _front_end(site: Site, gone: float) -> Scenario:
    programs = [services.nginx(site), services.php(site)]
    return Scenario(
        _name("front-end", site),
        f"front end of {site.name.title()} stopped",
        lambda: power_off(*programs),
        lambda: start(*programs),
        gone,
        hits=site.name,
        leaves=site.name,
    )


def _no_database(site: Site, gone: float) -> Scenario:
    app = site.host("app")
    return Scenario(
        "no-database",
        f"database unreachable from {site.name.title()}'s front end, which answers 200 still",
        lambda: network.refuse(app, "tcp dport 5432"),
        lambda: network.refuse(app),
        gone,
        hits=site.name,
        leaves=site.name,
        serves=site.name,
    )


def _nodes(site: Site) -> Scenario:
    programs = [services.etcd(site), services.node(site)]
    return Scenario(
        _name("nodes", site),
        f"{site.name.title()}'s node and etcd killed",
        lambda: power_off(*reversed(programs)),
        lambda: start(*programs),
        PAGE,
        hits=site.name,
        mute=site.name,
    )


def _cut(site: Site, user: float, needs: Site) -> Scenario:
    primary = needs is site
    return Scenario(
        _name("site-cut", site),
        f"{site.name.title()}, with the {'primary' if primary else 'standby servers'}, cut off from everything",
        lambda: network.part((site,), others(site)),
        network.part,
        user,
        terms=int(primary),
        needs=needs.name,
        hits=site.name,
        leaves=site.name,
        loses=site.name if primary else "",
        dies=site.name,
        elects=True,
        without=DATABASE if primary else GLANCE,
        silent=not primary,
        mute=site.name,
    )


def _drain(site: Site) -> Scenario:
    return Scenario(
        "drain",
        f"{site.name.title()} drained with --wait, then everything in it stopped; resumed by hand",
        lambda: maintenance(site),
        lambda: back_by_hand(site),
        0.0,
        fails=False,
        needs=other(site).name,
        hits=site.name,
        leaves=site.name,
        mute=site.name,
        serves=site.name,
    )


def _link(gone: float) -> Scenario:
    """The site whose etcd member loses its leader has to find another member, and until then hears no votes.

    There is one primary all the time: no two looks in a row may miss it.
    """
    return Scenario(
        "link-cut",
        "the link between Tokyo and Osaka cut, both alive",
        lambda: network.part((TOKYO,), (OSAKA,)),
        network.part,
        gone + ELECTION,
        needs=OSAKA.name,
        leaves=TOKYO.name,
        elects=True,
        without=0.0,
        silent=True,
        serves=TOKYO.name,
    )


def _witness() -> Scenario:
    return Scenario("witness", "the witness lost", lambda: kill(NAGOYA), lambda: back(NAGOYA), 0.0, fails=False)


def _dead(site: Site, user: float) -> Scenario:
    return Scenario(
        "site-dead",
        f"{site.name.title()}, with the primary, without power",
        lambda: kill(site),
        lambda: back(site),
        user,
        terms=1,
        needs=site.name,
        hits=site.name,
        leaves=site.name,
        loses=site.name,
        dies=site.name,
        elects=True,
        without=DATABASE,
        mute=site.name,
    )


def _returns(site: Site, user: float) -> Scenario:
    return _dead(site, user)._replace(
        name="site-back",
        text=f"{site.name.title()}, with the primary, without power; back as a standby, and resumed by hand",
        undo=lambda: drained_first(site),
    )


def _primary(site: Site) -> Scenario:
    return Scenario(
        "primary",
        f"PostgreSQL of {site.name.title()}, the primary, killed",
        lambda: kill_postgres(site),
        lambda: None,
        GIVEN_BACK + PAGE,
        terms=1,
        needs=site.name,
        hits=site.name,
        without=GIVEN_BACK,
    )


def _database_host(site: Site) -> Scenario:
    return Scenario(
        "database-host",
        f"the database host of {site.name.title()}, with the primary, without power",
        lambda: power_off(services.guardian(site)),
        lambda: start(services.guardian(site)),
        DATABASE + PAGE,
        terms=1,
        needs=site.name,
        hits=site.name,
        without=DATABASE,
    )


def _name(kind: str, site: Site) -> str:
    return kind if site is TOKYO else f"{kind}-{site.name}"
