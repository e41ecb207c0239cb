"""A configuration in a folder of its own, of which tests replace the section that they are about."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from gslb.config.model import Config
from gslb.errors import ConfigError
from tests.loading import load

NODE = """
node: {name: n1, site: tokyo}
listen: {dns: ["127.0.0.1:5300"]}
zones: zones/
state: state/
"""
SITES = """
tokyo: {country: JP, latitude: 35.7, longitude: 139.7}
osaka: {}
"""
MONITORS = """
web: {type: http}
ssh: {type: tcp, port: 22}
"""
POOLS = """
web:
  monitors: [web, ssh]
  members:
    tokyo: {site: tokyo, addresses: [192.0.2.1]}
"""
ZONE = """
soa: {mname: ns1, rname: hostmaster, serial: 1}
ns: [ns1]
records:
  ns1: {A: [192.0.2.53]}
names:
  www: {pool: web}
"""


class Folder:
    """Files of one configuration."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "zones").mkdir()

    def write(self, name: str, text: str | bytes) -> None:
        octets = text.encode() if isinstance(text, str) else text
        (self.path / name).write_bytes(octets)

    def write_all(self, **sections: str) -> None:
        """Sections that differ from the good example; node = the node file, zone = the one zone."""
        self.write("gslb.yaml", dedent(sections.get("node", NODE)))
        zone = indent(dedent(sections.get("zone", ZONE)), "  ")
        parts = {"sites": SITES, "monitors": MONITORS, "pools": POOLS, "zones": f"example.com:\n{zone}", **sections}
        names = [name for name in ("sites", "probers", "monitors", "pools", "zones") if name in parts]
        text = "".join(f"{name}:\n{indent(dedent(parts[name]).strip(chr(10)), '  ')}\n" for name in names)
        self.write("zones/a.yaml", text)

    def load(self, **sections: str) -> Config:
        if sections or not (self.path / "gslb.yaml").exists():
            self.write_all(**sections)
        return load(str(self.path / "gslb.yaml"))

    def problems(self, **sections: str) -> list[str]:
        """Every problem as a line, its file relative to the folder."""
        with pytest.raises(ConfigError) as caught:
            self.load(**sections)
        return [str(problem).replace(f"{self.path}/", "") for problem in caught.value.problems]

    def messages(self, **sections: str) -> list[str]:
        """Every problem without its place."""
        return [line.split(": ", 1)[1] for line in self.problems(**sections)]

    def warnings(self, **sections: str) -> list[str]:
        return [str(problem).split(": ", 1)[1] for problem in self.load(**sections).warnings]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def zone_messages(folder: Folder) -> Callable[[str], list[str]]:
    """What is wrong with a zone that has these lines in its master file, besides SOA, NS and one dynamic name."""

    def check(text: str) -> list[str]:
        folder.write("zones/db", dedent(text))
        zone = ZONE.replace("names:", "zonefile: db\nnames:")
        try:
            folder.load(zone=zone)
        except ConfigError:
            return [line.split(": ", 2)[2] for line in folder.problems()]
        return []

    return check
