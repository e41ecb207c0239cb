"""What the tests of the control plane run against: three sites that live, and names answered from them."""

from tests.e2e.kit import ZONE

ADDRESSES = {"tokyo": "127.0.0.11", "osaka": "127.0.0.12", "paris": "127.0.0.13"}


def zone(port: int, names: int = 0) -> str:
    """A zones file: every site is probed at the port; so many names beside www, api and push."""
    more = "".join(f"      n{number}: {{pool: web, ttl: 30}}\n" for number in range(names))
    return f"""\
sites:
  tokyo: {{country: JP, latitude: 35.68, longitude: 139.69}}
  osaka: {{country: JP, latitude: 34.69, longitude: 135.50}}
  paris: {{country: FR, latitude: 48.85, longitude: 2.35}}
monitors:
  web: {{type: tcp, port: {port}, interval: 1s, timeout: 1s, fall: 3}}
  told: {{type: push, expiry: 20s}}
pools:
  web:
    monitors: [web]
    min_up: 1
    members:
      tokyo: {{site: tokyo, addresses: [{ADDRESSES["tokyo"]}], weight: 50}}
      osaka: {{site: osaka, addresses: [{ADDRESSES["osaka"]}], weight: 30}}
      paris: {{site: paris, addresses: [{ADDRESSES["paris"]}], weight: 20}}
  api:
    monitors: [web]
    members:
      tokyo: {{site: tokyo, addresses: [{ADDRESSES["tokyo"]}]}}
      osaka: {{site: osaka, addresses: [{ADDRESSES["osaka"]}]}}
  push:
    monitors: [told]
    members:
      tokyo: {{site: tokyo, addresses: [{ADDRESSES["tokyo"]}]}}
{ZONE}\
      www: {{pool: web, ttl: 30}}
      api: {{pool: api, ttl: 5}}
      push: {{pool: push, ttl: 30}}
{more}"""
