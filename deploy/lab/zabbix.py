"""Zabbix's API as an administrator uses it: through the site's front end, from outside."""

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any

from deploy.lab.foot import Foot
from deploy.lab.insight import user
from deploy.lab.plan import CENTRES, Site
from deploy.lab.processes import LabError, run

_TIMEOUT = 20.0
_RELOADS = 2.0  # seconds that a server takes for it; it does not say when it is done
_ACTIVE = "3"  # of the states that hanode.get tells


class Api:
    """A session of Zabbix's administrator at one site's front end. Raises LabError with what Zabbix says.

    A `foot` of its own lets it wait for a slow page without holding up others; `patience` is in seconds.
    """

    def __init__(self, site: Site, foot: Foot | None = None, patience: float = _TIMEOUT) -> None:
        self._address = site.host("app").address
        self._foot = foot or user()
        self._patience = patience
        self._token: str | None = None
        self._token = self.call("user.login", {"username": "Admin", "password": "zabbix"})

    def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """The result of a method."""
        body = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1, "auth": self._token}
        try:
            found = self._foot.do(lambda: self._post(json.dumps(body)))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise LabError(f"the front end at {self._address} does not answer {method}: {error}") from error
        if "result" not in found:
            raise LabError(f"{method}: {found}")
        return found["result"]

    def _post(self, body: str) -> Any:
        connection = http.client.HTTPConnection(self._address, timeout=self._patience)
        try:
            connection.request("POST", "/api_jsonrpc.php", body, {"Content-Type": "application/json-rpc"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def servers(api: Api) -> dict[str, str]:
    """The status of each server of the high availability, by its name."""
    return {node["name"]: node["status"] for node in api.call("hanode.get", {"output": ["name", "status"]})}


def active(api: Api) -> str:
    """The site whose server polls and takes values; empty while none does."""
    return next((name for name, status in servers(api).items() if status == _ACTIVE), "")


def configure(site: Site = CENTRES[0]) -> None:
    """The host that the lab's agent is, with what it sends by itself and what is sent to it by hand."""
    api = Api(site)
    if api.call("host.get", {"filter": {"host": "lab-agent"}}):
        return
    groups = api.call("hostgroup.get", {"output": ["groupid"], "limit": 1})
    host = api.call("host.create", {"host": "lab-agent", "groups": groups[:1]})["hostids"][0]
    item = {"hostid": host, "value_type": 3, "history": "1d", "trends": "0"}
    api.call("item.create", {**item, "name": "beat", "key_": "lab.beat", "type": 7, "delay": "1s"})
    api.call("item.create", {**item, "name": "count", "key_": "lab.count", "type": 2})
    _reload(api)


def _reload(api: Api) -> None:
    """Let the server see new hosts now: an agent that it does not know comes again only after a minute."""
    host = next(site for site in CENTRES if site.name == active(api)).host("app")
    config = str(host.folder / "zabbix" / "zabbix_server.conf")
    deadline = time.monotonic() + _TIMEOUT
    while True:
        try:
            run(host, "zabbix_server", "-c", config, "-R", "config_cache_reload", user="zabbix")
            break
        except LabError:  # a server that has just begun does not hear yet
            if time.monotonic() > deadline:
                raise
    time.sleep(_RELOADS)
