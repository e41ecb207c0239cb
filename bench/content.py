"""What every server serves: one zone of dynamic names over two sites, and of static names beside them."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mmdb_writer import MMDBWriter
from netaddr import IPSet

TOKYO, OSAKA = "192.0.2.10", "198.51.100.10"
TOKYO6, OSAKA6 = "2001:db8:a::10", "2001:db8:b::10"
WEIGHTS = (60, 40)
POOLS = 100  # that the dynamic names share
NEAR_OSAKA = ("JP", "KR")
_COUNTRIES = {"JP": "AS", "KR": "AS", "DE": "EU", "FR": "EU", "US": "NA", "BR": "SA"}  # with their continents
_NETWORKS = 5_000


class Content(NamedTuple):
    """`dynamic` names d000000... by a country rule, `static` names s000000..., and www, weighted without a rule."""

    dynamic: int
    static: int
    zone: str = "bench.example."

    def dynamic_name(self, number: int) -> str:
        """A name that is answered by where the client is, relative to the zone."""
        return f"d{number:06}"

    def static_name(self, number: int) -> str:
        """A name with one A record, relative to the zone."""
        return f"s{number:06}"

    def basics(self) -> Iterator[str]:
        """Lines of a master file that every server loads."""
        yield f"$ORIGIN {self.zone}"
        yield "$TTL 30"
        yield f"@ SOA ns1 hostmaster.{self.zone} 1 3600 600 604800 30"
        yield "@ NS ns1"
        yield "ns1 A 192.0.2.53"
        for number in range(self.static):
            yield f"{self.static_name(number)} A 203.0.113.{number % 250 + 1}"

    def dynamic_names(self) -> Iterator[str]:
        """Their owners."""
        return (self.dynamic_name(number) for number in range(self.dynamic))


def write_places(path: Path) -> None:
    """A country database: /20 networks of six countries, drawn from one seed."""
    rng = random.Random(20)
    writer = MMDBWriter(6, "Bench-Country", ipv4_compatible=True)
    for _ in range(_NETWORKS):
        network = f"{rng.randrange(11, 100)}.{rng.randrange(256)}.{rng.randrange(16) * 16}.0/20"
        country = rng.choice(list(_COUNTRIES))
        place = {"country": {"iso_code": country}, "continent": {"code": _COUNTRIES[country]}}
        writer.insert_network(IPSet([network]), place)
    writer.to_db_file(str(path))
