"""What the demo writes: its folder with a node file and one zone, ready to be read and played with."""

import shutil
from pathlib import Path
from typing import Literal, NamedTuple, get_args

FOLDER = Path(".demo")
NODE_FILE = FOLDER / "gslb.yaml"
SOCKET = FOLDER / "control.sock"
ZONE = "gslb.example.com"
SITES = {"tokyo": "127.0.0.11", "osaka": "127.0.0.12"}
NODE_HOST = "127.0.0.1"
Mode = Literal["ok", "refuse", "error", "hang"]  # how a site is
WAYS: tuple[Mode, ...] = tuple(mode for mode in get_args(Mode) if mode != "ok")  # to break it


class Ports(NamedTuple):
    """Where the demo listens: DNS and API on 127.0.0.1, HTTP on each site's address."""

    dns: int = 5300
    api: int = 8053
    site: int = 8080


def write_files(ports: Ports) -> None:
    """Fill the demo's folder, which exists and is empty."""
    (FOLDER / "zones").mkdir()
    NODE_FILE.write_text(_NODE.format(ports=ports), encoding="utf-8")
    zone = _ZONE.format(ports=ports, zone=ZONE, tokyo=SITES["tokyo"], osaka=SITES["osaka"])
    (FOLDER / "zones" / "demo.yaml").write_text(zone, encoding="utf-8")


def empty_folder() -> None:
    """Make the demo's folder exist with nothing in it."""
    FOLDER.mkdir(exist_ok=True)
    for entry in FOLDER.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


_NODE = """\
# The demo's node. Edit it or zones/demo.yaml while the demo runs; SIGHUP reloads.
node: {{name: demo, site: tokyo, roles: [dns, probe, api]}}
listen:
  dns: ["127.0.0.1:{ports.dns}"]
  api: "127.0.0.1:{ports.api}"
workers: 2
zones: zones/
state: state/
probe:
  allow: [127.0.0.0/8]              # the sites are on this machine; loopback is denied unless listed
  references: ["127.0.0.1:{ports.dns}"]   # what answers while our own network works: really, a router
ecs: {{trust: [127.0.0.0/8]}}       # so that `dig +subnet=198.51.100.0/24` is believed
"""

_ZONE = """\
sites:
  tokyo: {{country: JP, latitude: 35.68, longitude: 139.69}}
  osaka: {{country: JP, latitude: 34.69, longitude: 135.50}}

monitors:
  json-rpc:                         # asks for an answer that needs the database: status 200 alone is not enough
    type: http
    port: {ports.site}
    method: POST
    path: /api_jsonrpc.php
    headers: {{Content-Type: application/json-rpc}}
    body: '{{"jsonrpc":"2.0","method":"apiinfo.version","params":[],"id":1}}'
    expect: {{status: [200], body: '"result"'}}
    interval: 1s                    # quick, so that a person sees it; the defaults are 5s, fall 3, rise 5
    timeout: 500ms
    fall: 2
    rise: 2
  page: {{type: http, port: {ports.site}, expect: {{body: Welcome}}, interval: 1s, timeout: 500ms, fall: 2, rise: 2}}

pools:
  zabbix-web:
    monitors: [json-rpc]
    damping: false                  # sites are broken by hand here; by default what flaps comes back late,
    max_loss: 100%                  # and only half of a pool, or one site, is lost within a minute
    policy: weighted                # 60 of 100 answers are Tokyo's while both live
    members:
      tokyo: {{site: tokyo, addresses: [{tokyo}], weight: 60}}
      osaka: {{site: osaka, addresses: [{osaka}], weight: 40}}
  tokyo-first:
    monitors: [page]
    damping: false
    max_loss: 100%
    policy: failover                # in the order of the list
    members:
      tokyo: {{site: tokyo, addresses: [{tokyo}]}}
      osaka: {{site: osaka, addresses: [{osaka}]}}
  osaka-first:
    monitors: [page]
    damping: false
    max_loss: 100%
    policy: failover
    members:
      osaka: {{site: osaka, addresses: [{osaka}]}}
      tokyo: {{site: tokyo, addresses: [{tokyo}]}}
  same-site:
    monitors: [page]
    damping: false
    max_loss: 100%
    policy: hash                    # a client's network keeps its site
    members:
      tokyo: {{site: tokyo, addresses: [{tokyo}]}}
      osaka: {{site: osaka, addresses: [{osaka}]}}

zones:
  {zone}:
    ttl: 60
    soa: {{mname: ns1, rname: hostmaster.example.com., serial: 1}}
    ns: [ns1, ns2]
    records:
      ns1: {{A: [192.0.2.53]}}
      ns2: {{A: [198.51.100.53]}}
      docs: {{CNAME: [www]}}
      "*.pages": {{A: [192.0.2.80]}}
      lab: {{NS: [ns.lab]}}
      ns.lab: {{A: [192.0.2.54]}}
    names:
      zabbix: {{pool: zabbix-web, ttl: 5}}
      sticky: {{pool: same-site, ttl: 5}}
      www:
        ttl: 5
        rules:                      # the first match wins
          - {{match: {{subnet: [198.51.100.0/24]}}, pools: [osaka-first]}}
          - {{pools: [tokyo-first]}}
"""
