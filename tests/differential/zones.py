"""Random static zones, written by hypothesis as master files, and queries that try every corner of them."""

import random
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

LABELS = ["a", "b", "c", "d-e", "_f", "*", "g.h", "A1", r"i\001j", r"k\.l"]
DATA = {
    "A": ["192.0.2.1", "192.0.2.2"],
    "AAAA": ["2001:db8::1", "2001:db8::2"],
    "TXT": ['"one"', '"two" "parts"'],
    "MX": ["10 a", "20 mail.example.net."],
    "SRV": ["1 2 80 b", "0 0 53 c.example.net."],
    "CAA": ['0 issue "ca.example.net"'],
    "PTR": ["d-e.a"],
    "TYPE65280": [r"\# 3 0a0b0c"],
}
DS = "12345 13 2 " + "ab" * 32
TYPES = [*DATA, "NS", "SOA", "CNAME", "DS", "HTTPS"]

owners = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3).map(".".join)
data = st.dictionaries(st.sampled_from(sorted(DATA)), st.integers(1, 2), min_size=1, max_size=3)


@st.composite
def zone_lines(draw: Any) -> list[str]:
    """Records below the SOA and NS of a zone, relative to it; not every zone makes sense: the loader decides."""
    lines = []
    names = draw(st.lists(owners, min_size=1, max_size=9, unique=True))
    for at, owner in enumerate(names):
        kind = draw(st.sampled_from(["data", "data", "data", "alias", "cut"]))
        if kind == "data" or (kind == "cut" and "*" in owner):
            for rtype, count in draw(data).items():
                lines += [f"{owner} 60 {rtype} {value}" for value in DATA[rtype][:count]]
        elif kind == "alias":
            later = names[at + 1 :]
            outside = ["www.example.net.", "missing.deep"]
            lines.append(f"{owner} 60 CNAME {draw(st.sampled_from([*later, *later, *outside]))}")
        else:
            lines += draw(st.sampled_from([[], [f"{owner} 60 DS {DS}"]]))
            lines += [f"{owner} 60 NS ns.{owner}", f"{owner} 60 NS ns.example.net.", f"ns.{owner} 60 A 192.0.2.53"]
    return lines


def master_file(zone: str, lines: list[str]) -> str:
    """A whole zone."""
    top = [f"$ORIGIN {zone}", "@ 3600 SOA ns1 hostmaster 1 3600 600 604800 30", "@ 3600 NS ns1", "ns1 3600 A 192.0.2.9"]
    return "\n".join([*top, *lines]) + "\n"


def questions(rng: random.Random, zone: str, lines: list[str], count: int) -> Iterator[tuple[str, str]]:
    """Names that exist, lie below, above and beside those that do; in any case; of any type."""
    known = [line.split()[0] for line in lines] + ["@", "ns1"]
    known += [target for line in lines if " CNAME " in line and not (target := line.split()[-1]).endswith(".")]
    for _ in range(count):
        owner = rng.choice(known)
        twist = rng.randrange(6)
        if twist == 0:
            owner = f"{rng.choice(LABELS)}.{owner}"
        elif twist == 1 and "." in owner and "\\" not in owner:
            owner = owner.partition(".")[2]
        elif twist == 2:
            owner = rng.choice(LABELS)
        elif twist == 3:
            owner = f"x.y.{owner}"
        name = zone if owner == "@" else owner.replace(".@", "") + "." + zone
        if rng.random() < 0.3:
            name = "".join(rng.choice((c.upper(), c.lower())) for c in name)
        yield name, rng.choice(TYPES)
