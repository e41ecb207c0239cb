"""Zabbix watches the nodes: our template is imported and linked as an administrator would, and somebody is on duty.

Only the active server polls. Where it dies with its site, nothing is polled until the other one has taken over, and
the problem shows as much later.
"""

import time
from typing import Any, NamedTuple

from deploy.lab import services
from deploy.lab.foot import Foot
from deploy.lab.people import Person
from deploy.lab.plan import API_PORT, CENTRES, OUTSIDE, ROOT, VOTERS, Site, other
from deploy.lab.processes import LabError
from deploy.lab.zabbix import Api, active

FILE = ROOT / "deploy" / "zabbix" / "template_gslb.yaml"
TEMPLATE = "gslb by HTTP"
SHOWN = 60.0  # seconds until a dead site is a problem, where the active server lives
LOOKS = 5.0  # where it died: later by ha_failover_delay, and by the time between two looks of a standby
CLOSED = 60.0  # seconds until it is none any more, once the site works
_GROUP = "gslb nodes"
_WHOLE = {"createMissing": True, "updateExisting": True, "deleteMissing": True}
_RULES = {
    "groups": {"createMissing": True},
    "templates": {"createMissing": True, "updateExisting": True},
    **dict.fromkeys(("discoveryRules", "graphs", "items", "templateDashboards", "triggers", "valueMaps"), _WHOLE),
}
_MAY_BE_SILENT = {
    "gslb.metrics": "the page itself is not kept",
    "gslb.site.availability": "the node leaves it out while it knows nothing of the site",
}


def configure(site: Site = CENTRES[0]) -> None:
    """Import the template where Zabbix's differs from the file, and link it to a host for each node."""
    api = Api(site)
    if _differs(api):
        api.call("configuration.import", _order())
    there = {host["host"] for host in _hosts(api)}
    for voter in VOTERS:
        if _node(voter) not in there:
            _create(api, voter)


def _order() -> dict[str, Any]:
    return {"format": "yaml", "source": FILE.read_text(encoding="utf-8"), "rules": _RULES}


def _differs(api: Api) -> bool:
    """Whether an import would change anything. A file that is not written as Zabbix exports it always would."""
    return bool(api.call("configuration.importcompare", _order()))


def _node(site: Site) -> str:
    """As etc/gslb.yaml names it."""
    return f"{site.name}-1"


def _create(api: Api, site: Site) -> None:
    """A host of Zabbix's needs no interface for a template that reads a page. `/metrics` wants no token."""
    groups = api.call("hostgroup.get", {"output": ["groupid"], "filter": {"name": _GROUP}})
    group = groups[0]["groupid"] if groups else api.call("hostgroup.create", {"name": _GROUP})["groupids"][0]
    url = f"http://{site.host('dns').address}:{API_PORT}"
    host = {
        "host": _node(site),
        "groups": [{"groupid": group}],
        "templates": [{"templateid": _template(api)}],
        "macros": [{"macro": "{$GSLB.URL}", "value": url}],
    }
    for last in (False, False, True):
        try:
            api.call("host.create", host)
            return
        except LabError:  # PHP ends a page after 20 s, which a busy machine may take; what it began is undone then
            if any(one["host"] == _node(site) for one in _hosts(api)):
                return  # it was only the answer that did not come
            if last:
                raise


def _template(api: Api) -> str:
    found: list[dict[str, str]] = api.call("template.get", {"output": ["templateid"], "filter": {"host": TEMPLATE}})
    if not found:
        raise LabError(f"Zabbix has no template {TEMPLATE}: {FILE}")
    return found[0]["templateid"]


def _hosts(api: Api) -> list[dict[str, Any]]:
    """The hosts that the template is linked to."""
    order = {"output": ["hostid", "host"], "templateids": _template(api)}
    found: list[dict[str, Any]] = api.call("host.get", order)
    return found


class Values(NamedTuple):
    """What Zabbix has of the nodes: items with a value, those that may be without one, and what is wrong."""

    items: int
    silent: list[str]
    faults: list[str]


def values(api: Api) -> Values:
    """How the template does: every item is supported and has a value, every rule works, the dashboard is there."""
    names = {host["hostid"]: host["host"] for host in _hosts(api)}
    fields = ["hostid", "key_", "state", "error"]
    items = api.call("item.get", {"hostids": [*names], "output": [*fields, "lastclock"]})
    rules = api.call("discoveryrule.get", {"hostids": [*names], "output": fields})
    faults = [f"{_node(site)}: Zabbix has no such host" for site in VOTERS if _node(site) not in names.values()]
    faults += [f"{names[one['hostid']]}: {one['key_']}: {one['error']}" for one in (*items, *rules) if one["error"]]
    faults += [f"{name}: nothing was discovered" for key, name in names.items() if not _discovered(items, key)]
    if not api.call("templatedashboard.get", {"templateids": _template(api), "output": ["name"]}):
        faults.append("the template has no dashboard")
    empty = [item for item in items if item["lastclock"] == "0" and not item["error"]]
    silent = [item for item in empty if item["key_"].partition("[")[0] in _MAY_BE_SILENT]
    faults += [f"{names[item['hostid']]}: {item['key_']} has no value" for item in empty if item not in silent]
    return Values(len(items) - len(empty), [f"{names[i['hostid']]}: {i['key_']}" for i in silent], faults)


def _discovered(items: list[dict[str, str]], host: str) -> bool:
    """Sites, pools and members: each node has all three."""
    kinds = {item["key_"].partition("[")[0] for item in items if item["hostid"] == host and "[" in item["key_"]}
    return {"gslb.site.live", "gslb.pool.healthy", "gslb.member.live"} <= kinds


def settle(seconds: float = 90.0) -> Values:
    """Wait until nothing is wrong with the template. Raises LabError with what is."""
    api, deadline = Api(CENTRES[0]), time.monotonic() + seconds
    while (found := values(api)).faults:
        if time.monotonic() > deadline:
            raise LabError("Zabbix does not see the nodes:\n" + "\n".join(found.faults))
        time.sleep(2)
    return found


def report() -> bool:
    """Print what Zabbix sees of the nodes. Whether all is well."""
    try:
        found = settle()
    except LabError as error:
        print(error)
        return False
    print(f"{found.items} items of {len(VOTERS)} nodes have values; no item and no discovery rule is unsupported")
    for line in found.silent:
        print(f"  without a value: {line} ({_MAY_BE_SILENT[line.split(': ')[1].partition('[')[0]]})")
    api = Api(CENTRES[0])
    if _differs(api):
        print(f"what Zabbix has imported is not what {FILE} says, or that is not written as Zabbix would")
        return False
    print(f"the active server is {active(api) or 'none'}'s")
    for problem in api.call("problem.get", {"hostids": [h["hostid"] for h in _hosts(api)], "output": ["name"]}):
        print(f"  problem: {problem['name']}")
    return True


def give_server(site: Site, seconds: float = 60.0) -> None:
    """Make a site's Zabbix server the active one: the other one is stopped, and started again as the standby."""
    api, deadline = Api(site), time.monotonic() + seconds
    if active(api) == site.name:
        return
    services.zabbix(other(site)).stop()
    while active(api) != site.name:
        if time.monotonic() > deadline:
            raise LabError(f"the Zabbix server does not become active: {services.zabbix(site).log}")
        time.sleep(0.5)
    services.zabbix(other(site)).start()


class Look(NamedTuple):
    """Whether the front end showed the problem. A look that it did not answer is none."""

    when: float
    shown: bool


class Observer(Person):
    """Looks each second, at the other site's front end, whether Zabbix says that nothing at a site is served.

    It logs in when it is made, so that is to be done while everything works. `server` is where the active one is then.
    """

    pause = 1.0

    def __init__(self, site: Site) -> None:
        super().__init__("user")
        self.looks: list[Look] = []
        self._api = Api(other(site), Foot(OUTSIDE.host("user")), patience=5.0)
        self.server = active(self._api)
        self.promise = SHOWN + (_takeover(self._api) if self.server == site.name else 0.0)
        hosts = [host["hostid"] for host in _hosts(self._api)]
        name = f"gslb: nothing at site {site.name} is served"
        found = self._api.call("trigger.get", {"hostids": hosts, "filter": {"description": name}, "output": ["value"]})
        if len(found) != len(VOTERS):
            raise LabError(f"{len(found)} triggers, and not one for each node: {name}")
        self._triggers = [trigger["triggerid"] for trigger in found]

    def _once(self) -> None:
        try:
            found = self._api.call("problem.get", {"objectids": self._triggers, "output": ["eventid"]})
        except LabError:
            return
        self.looks.append(Look(time.monotonic(), bool(found)))

    def shown(self, since: float) -> float | None:
        """How many seconds after a moment the problem was seen first; None = it was not yet."""
        return first(self.looks, since, shown=True)

    def gone(self, since: float) -> float | None:
        """How many seconds after a moment it was seen no more."""
        return first(self.looks, since, shown=False)

    def await_problem(self, since: float) -> float | None:
        """As `shown`, as soon as it is, or the promised time is over."""
        while (found := self.shown(since)) is None and time.monotonic() < since + self.promise:
            time.sleep(0.2)
        return found

    def await_end(self, since: float, seconds: float = CLOSED) -> float | None:
        """As `gone`, as soon as it is, or the time is over."""
        while (found := self.gone(since)) is None and time.monotonic() < since + seconds:
            time.sleep(0.2)
        return found


def _takeover(api: Api) -> float:
    """How long nobody polls after the active server died, in seconds."""
    delay = api.call("settings.get", {"output": ["ha_failover_delay"]})["ha_failover_delay"]
    unit = {"s": 1, "m": 60}.get(delay[-1])
    return LOOKS + (int(delay[:-1]) * unit if unit else int(delay))


def first(looks: list[Look], since: float, *, shown: bool) -> float | None:
    """The time from a moment to the first look after it that was as wanted."""
    return next((look.when - since for look in looks if look.when >= since and look.shown == shown), None)
