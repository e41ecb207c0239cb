"""The four open servers that ours is measured beside, started on a loopback port with the content of the wire tests.

Each is set up to do what the rows ask for wherever it can: the same node name, cookie secrets, payload size, no version
told, minimal answers, client subnets. Limits of connections and times are as each comes.
"""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import dns.rdata

from tests.support import APEX, BASICS
from tests.wire.content import (
    ASKER,
    ELSEWHERE,
    FOR_ASKER,
    FOR_PLACE,
    NODE,
    PEER_STATIC,
    PLACE,
    SECRETS,
    STATIC,
    WILD,
    WILD_APEX,
)

_ZONES = {APEX: (*BASICS, *STATIC, *PEER_STATIC), WILD_APEX: WILD}


def start(server: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a peer in a folder of its own. Its messages are in `<folder>/log`."""
    folder.mkdir()
    argv = _STARTERS[server](folder, port)
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, cwd=folder)


def _generic(line: str) -> str:
    """A record by RFC 3597 where gdnsd has no word for its type."""
    owner, ttl, rtype, rdata = line.split(None, 3)
    if rtype != "HTTPS":
        return line
    return f"{owner} {ttl} TYPE65 {dns.rdata.from_text('IN', 'HTTPS', rdata).to_generic().to_text()}"


def _zone(apex: str, more: Sequence[str]) -> str:
    return "\n".join([f"$ORIGIN {apex}", *_ZONES[apex], *(more if apex == APEX else ()), ""])


def _write(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


def _tailored_by_data(owner: str) -> str:
    return f"{owner} 30 A {ELSEWHERE}"


def _gdnsd(folder: Path, port: int) -> list[str]:
    more = [f"{owner} 30 DYNA geoip!place" for owner in ("geo", "own")]
    for apex in _ZONES:
        lines = map(_generic, _ZONES[apex])
        unique = dict.fromkeys(lines)  # it takes a record that is written twice for a mistake
        _write(folder / "zones" / apex.rstrip("."), "\n".join([*unique, *(more if apex == APEX else ()), ""]))
    nets = "\n".join(
        f"{net} => [{site}, elsewhere]" for site, nets in (("place", PLACE), ("asker", ASKER)) for net in nets
    )
    key = folder / "cookie.key"
    key.write_bytes(b"".join(SECRETS))
    config = f"""
options => {{
  listen => [ 127.0.0.1:{port}, "[::1]:{port}" ]
  run_dir = {folder}/run
  state_dir = {folder}/state
  nsid_ascii = {NODE}
  chaos_response = {NODE}
  cookie_key_file = {key}
  max_edns_response = 1232
  max_edns_response_v6 = 1232
  disable_text_autosplit = true
}}
plugins => {{ geoip => {{
  maps => {{ m => {{ datacenters => [elsewhere, place, asker]
    nets => {{ {nets} }} }} }}
  resources => {{ place => {{ map => m, dcmap => {{
    elsewhere => {ELSEWHERE}, place => {FOR_PLACE}, asker => {FOR_ASKER} }} }} }}
}} }}
"""
    _write(folder / "config", config)
    return ["gdnsd", "-c", str(folder), "start"]


def _nsd(folder: Path, port: int) -> list[str]:
    more = [_tailored_by_data(owner) for owner in ("geo", "own")]
    zones = "".join(
        f'zone:\n  name: "{apex}"\n  zonefile: "{_write(folder / f"{apex}zone", _zone(apex, more))}"\n'
        for apex in _ZONES
    )
    secrets = _write(folder / "cookies", "".join(f"{secret.hex()}\n" for secret in SECRETS))
    config = f"""server:
  ip-address: 127.0.0.1@{port}
  ip-address: ::1@{port}
  zonesdir: "{folder}"
  pidfile: "{folder}/pid"
  database: ""
  username: ""
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  identity: "{NODE}"
  nsid: "ascii_{NODE}"
  hide-version: yes
  minimal-responses: yes
  refuse-any: yes
  ipv4-edns-size: 1232
  ipv6-edns-size: 1232
  answer-cookie: yes
  cookie-secret-file: "{secrets}"
remote-control:
  control-enable: no
{zones}"""
    return ["nsd", "-d", "-c", _write(folder / "nsd.conf", config)]


def _knot(folder: Path, port: int) -> list[str]:
    more = [_tailored_by_data(owner) for owner in ("geo", "own")]
    for apex in _ZONES:
        _write(folder / f"{apex}zone", _zone(apex, more))
    nets = "".join(
        f"  - net: {net}\n    A: {address}\n"
        for address, nets in ((FOR_PLACE, PLACE), (FOR_ASKER, ASKER))
        for net in nets
    )
    geo = _write(folder / "geo.conf", "".join(f"{owner}.{APEX}:\n{nets}" for owner in ("geo", "own")))
    config = f"""server:
  listen: [ 127.0.0.1@{port}, ::1@{port} ]
  rundir: "{folder}"
  identity: "{NODE}"
  nsid: "{NODE}"
  version: ""
  udp-max-payload: 1232
  edns-client-subnet: on
log:
  - target: stderr
    any: info
database:
  storage: "{folder}"
mod-cookies:
  - id: shared
    secret: 0x{SECRETS[0].hex()}
mod-geoip:
  - id: place
    config-file: "{geo}"
    ttl: 30
    mode: subnet
template:
  - id: default
    storage: "{folder}"
    global-module: mod-cookies/shared
zone:
  - domain: {APEX}
    file: "{APEX}zone"
    module: mod-geoip/place
  - domain: {WILD_APEX}
    file: "{WILD_APEX}zone"
"""
    return ["knotd", "-c", _write(folder / "knot.conf", config)]


def _pdns(folder: Path, port: int) -> list[str]:
    def listed(nets: Sequence[str]) -> str:
        return ",".join(f"'{net}'" for net in nets)

    lua = (
        f";if netmask({{{listed(PLACE)}}}) then return '{FOR_PLACE}' end "
        f"if netmask({{{listed(ASKER)}}}) then return '{FOR_ASKER}' end return '{ELSEWHERE}'"
    )
    more = [f'{owner} 30 LUA A "{lua}"' for owner in ("geo", "own")]
    zones = "".join(
        f'zone "{apex.rstrip(".")}" {{ type master; file "{_write(folder / f"{apex}zone", _zone(apex, more))}"; }};\n'
        for apex in _ZONES
    )
    config = f"""launch=bind
bind-config={_write(folder / "named.conf", zones)}
local-address=127.0.0.1, ::1
local-port={port}
socket-dir={folder}
daemon=no
guardian=no
server-id={NODE}
version-string=anonymous
security-poll-suffix=
edns-cookie-secret={SECRETS[0].hex()}
edns-subnet-processing=yes
enable-lua-records=yes
udp-truncation-threshold=1232
allow-axfr-ips=192.0.2.1
"""
    _write(folder / "pdns.conf", config)
    return ["pdns_server", f"--config-dir={folder}"]


_STARTERS: dict[str, Callable[[Path, int], list[str]]] = {"gdnsd": _gdnsd, "nsd": _nsd, "knot": _knot, "pdns": _pdns}
PROGRAMS = {"gdnsd": "gdnsd", "nsd": "nsd", "knot": "knotd", "pdns": "pdns_server"}
PACKAGES = "gdnsd nsd knot knot-module-geoip pdns-server pdns-backend-bind"
