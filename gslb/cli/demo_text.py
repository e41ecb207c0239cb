"""What the demo says: where things are, and lines to copy into another terminal."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from gslb.cli.client import find_config
from gslb.cli.demo_files import FOLDER, NODE_FILE, NODE_HOST, SITES, ZONE, Ports


def welcome(ports: Ports) -> str:
    """The text that the running demo opens with. Every command in it works as it is, from this folder."""
    gslb = command()
    at = "" if find_config(None) == str(NODE_FILE) else f" --config {NODE_FILE}"
    dig = f"dig @{NODE_HOST} -p {ports.dns}"
    missing = "" if shutil.which("dig") else "\n  (no dig here: apt-get install bind9-dnsutils)"
    sites = ", ".join(f"{name.capitalize()} http://{address}:{ports.site}/" for name, address in SITES.items())
    return f"""
Two data centres and a node are up.
  sites   {sites}
  node    DNS {NODE_HOST}:{ports.dns} (UDP and TCP), API http://{NODE_HOST}:{ports.api}/, files in {FOLDER}/

Try in another terminal:
  cd {shlex.quote(str(Path.cwd()))}

  # Ask. zabbix answers with both sites, 60:40{missing}
  {dig} zabbix.{ZONE} +short
  {dig} www.{ZONE} +short                           # Tokyo first
  {dig} www.{ZONE} +short +subnet=198.51.100.0/24   # a client elsewhere: Osaka first

  # Break a data centre: its answers stop within 3 seconds. Mend it: they return
  {gslb} demo break tokyo                # or --how error (a dead database), --how hang
  {gslb} status{at}
  {gslb} demo mend tokyo

  # Drain one for maintenance, see why an answer is what it is, end the drain
  {gslb} drain site/osaka --for 10m --reason test{at}
  {gslb} explain zabbix.{ZONE} A --client 203.0.113.7{at}
  {gslb} undrain site/osaka{at}

Ctrl-C ends everything and removes {FOLDER}/.
"""


def command() -> str:
    """How a person in this folder calls `gslb`: as short as works."""
    program = Path(sys.argv[0])
    if program.name != "gslb":
        return f"{shlex.quote(sys.executable)} -m gslb.cli.main"
    found = shutil.which("gslb")
    if found and Path(found).resolve() == program.resolve():
        return "gslb"
    relative = os.path.relpath(program)
    return shlex.quote(relative if not relative.startswith("..") else str(program.absolute()))
