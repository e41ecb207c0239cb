"""Random static zones, written by hypothesis as master files, and queries that try every corner of them."""

import random
from collections.abc import Iterator
from itertools import product
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st


class Question(NamedTuple):
    """What is asked; `payload` as in PAYLOADS."""

    name: str
    rtype: str
    payload: int | None


LABELS: Final = ["a", "b", "c", "d-e", "_f", "*", "g.h", "A1", r"i\001j", r"k\.l"]
DATA: Final = {
    "A": ["192.0.2.1", "192.0.2.2"],
    "AAAA": ["2001:db8::1", "2001:db8::2"],
    "TXT": [
        '"one"',
        '"Two" "parts"',
        f'"{"x" * 200}"',
        f'"{"y" * 200}"',
        f'"{"z" * 255}"',
        f'"{"w" * 255}" "{"v" * 250}"',
    ],
    "MX": ["10 a", "20 mail.example.net."],
    "SRV": ["1 2 80 b", "0 0 53 c.example.net."],
    "CAA": ['0 issue "ca.example.net"'],
    "PTR": ["d-e.a"],
    "TYPE65280": [r"\# 3 0a0b0c"],
}
DS: Final = "12345 13 2 " + "ab" * 32
TYPES: Final = [*DATA, "NS", "SOA", "CNAME", "DS", "HTTPS"]
PAYLOADS: Final = [None, 512, 1232, 4096]  # octets; None = no EDNS
FIXED: Final = {
    "plain.test.": [
        "www 60 A 192.0.2.1",
        "child 60 NS ns1.child",
        f"child 60 DS {DS}",
        "ns1.child 60 A 192.0.2.9",
        "to 60 CNAME www.child",
        "lost 60 CNAME missing.child",
        *(f'big 60 TXT "{letter * 200}"' for letter in "abcd"),
        "alias 60 CNAME big",
        "small 60 NS ns.small",
        "ns.small 60 A 192.0.2.55",
        "below 60 CNAME x.small",
        *(f"wide 60 NS ns{n}.wide" for n in range(9)),
        *(f"ns{n}.wide 60 A 192.0.2.{n}" for n in range(9)),
        *(f"ns{n}.wide 60 AAAA 2001:db8::{n}" for n in range(9)),
    ],
    "child.plain.test.": [
        "www 60 A 192.0.2.2",
        "up 60 CNAME www.plain.test.",
        "cut 60 NS ns.cut",
        "ns.cut 60 A 192.0.2.55",
    ],
}
"""Zones that are always there: a parent and its child, served by one server; sets of records that do not fit."""
_OWNERS: Final = ["www", "child", "www.child", "to", "lost", "up", "alias", "below", "wide", "x.wide", "ns1.wide"]
CORNERS: Final = [
    Question(f"{owner}.{zone}", *more) for zone in FIXED for owner in _OWNERS for more in product(TYPES, [None, 1232])
]
"""What is always asked of them."""

owners = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3).map(".".join)
data = st.dictionaries(st.sampled_from(sorted(DATA)), st.integers(1, 6), min_size=1, max_size=3)


@st.composite
def zone_lines(draw: Any) -> list[str]:
    """Records below the SOA and NS of a zone, relative to it; not every zone makes sense: the loader decides."""
    lines = []
    kinds = draw(
        st.dictionaries(owners, st.sampled_from(["data", "data", "data", "alias", "cut"]), min_size=1, max_size=9)
    )
    names = list(kinds)
    cuts = [owner for owner in names if kinds[owner] == "cut" and "*" not in owner]
    for at, owner in enumerate(names):
        if kinds[owner] == "data" or (kinds[owner] == "cut" and "*" in owner):
            for rtype, count in draw(data).items():
                lines += [f"{owner} 60 {rtype} {value}" for value in DATA[rtype][:count]]
        elif kinds[owner] == "alias":
            later = names[at + 1 :]
            outside = ["www.example.net.", "missing.deep", "www.plain.test."]
            below = [f"x.{name}" for name in later]  # of a wildcard, a cut, or nothing
            lines.append(f"{owner} 60 CNAME {draw(st.sampled_from([*later, *later, *below, *outside]))}")
        else:
            servers = [f"ns.{owner}", "ns.example.net."]
            servers += draw(st.lists(st.sampled_from(["ns1", *(f"ns.{name}" for name in cuts)]), max_size=2))
            lines += draw(st.sampled_from([[], [f"{owner} 60 DS {DS}"]]))
            lines += [f"{owner} 60 NS {server}" for server in dict.fromkeys(servers)]
            lines += [f"ns.{owner} 60 A 192.0.2.53", *draw(st.sampled_from([[], [f"ns.{owner} 60 AAAA 2001:db8::53"]]))]
    return lines


def master_file(zone: str, lines: list[str]) -> str:
    """A whole zone."""
    top = [f"$ORIGIN {zone}", "@ 3600 SOA ns1 hostmaster 1 3600 600 604800 30", "@ 3600 NS ns1", "ns1 3600 A 192.0.2.9"]
    return "\n".join([*top, *lines]) + "\n"


def questions(rng: random.Random, zone: str, lines: list[str]) -> Iterator[Question]:
    """Without end: names that exist, lie below, above and beside those that do; in any case; of any type."""
    known = [*dict.fromkeys(line.split()[0] for line in lines), "@", "ns1"]
    known += [target for line in lines if " CNAME " in line and not (target := line.split()[-1]).endswith(".")]
    while True:
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
        yield Question(name, rng.choice(TYPES), rng.choice(PAYLOADS))
