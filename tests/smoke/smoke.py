"""Smoke tests with dig against any running node: one line per check, exit code 1 where one failed.

Needs Python and dig, nothing of gslb: `python smoke.py --server 127.0.0.1 --port 5300 --zone gslb.example.com`.
A zone of your own may lack a wildcard, an alias or a delegation: name them, or the checks are left out, and say so.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

KNOWN = {  # of zones/ and of the demo
    "example.com": {"name": "www", "wildcard": "pages", "alias": "shop", "delegation": "lab"},
    "gslb.example.com": {"name": "zabbix"},
}


class Target(NamedTuple):
    """A node and the names of the zone that the checks ask for; empty = the zone has none."""

    server: str
    port: int
    zone: str
    timeout: int = 2
    name: str = ""
    wildcard: str = ""
    alias: str = ""
    delegation: str = ""


class Reply(NamedTuple):
    """What dig printed, taken apart. Sections are lists of (owner, type, data)."""

    status: str
    flags: frozenset[str]
    question: str
    answer: list[tuple[str, str, str]]
    authority: list[tuple[str, str, str]]
    text: str

    def __str__(self) -> str:
        if not self.status:
            return "no reply" if "timed out" in self.text or "no servers" in self.text else self.text.strip()[-80:]
        kinds = " ".join(kind for _, kind, _ in self.answer) or "nothing"
        above = " ".join(kind for _, kind, _ in self.authority) or "nothing"
        flags = " ".join(sorted(self.flags))
        return f"{self.status}, flags {flags}, answer {kinds}, authority {above}"


class Check(NamedTuple):
    """One check: what dig is asked, what is expected in words, and whether the reply is that."""

    title: str
    question: str
    expected: str
    holds: Callable[[Reply], bool]


def ask(target: Target, question: str) -> Reply:
    """Send one query with dig and read its reply."""
    argv = [
        "dig",
        f"@{target.server}",
        "-p",
        str(target.port),
        "+tries=2",
        f"+time={target.timeout}",
        "+norecurse",
        *question.split(),
    ]
    text = subprocess.run(argv, capture_output=True, text=True, timeout=15).stdout
    status = re.search(r"status: (\w+)", text)
    flags = re.search(r"^;; flags: ([a-z ]*);", text, re.MULTILINE)
    asked = re.search(r"^;; QUESTION SECTION:\n;(\S+)", text, re.MULTILINE)
    return Reply(
        status[1] if status else "",
        frozenset(flags[1].split()) if flags else frozenset(),
        asked[1] if asked else "",
        list(_records(text, "ANSWER")),
        list(_records(text, "AUTHORITY")),
        text,
    )


def _records(text: str, section: str) -> Iterator[tuple[str, str, str]]:
    found = re.search(rf"^;; {section} SECTION:\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    for line in found[1].splitlines() if found else ():
        owner, _, _, kind, data = line.split(None, 4)
        yield owner, kind, data


def _kinds(records: list[tuple[str, str, str]]) -> set[str]:
    return {kind for _, kind, _ in records}


def _answers(reply: Reply, kind: str) -> bool:
    return reply.status == "NOERROR" and "aa" in reply.flags and kind in _kinds(reply.answer)


def _negative(reply: Reply, status: str) -> bool:
    return (reply.status, reply.answer, _kinds(reply.authority)) == (status, [], {"SOA"}) and "aa" in reply.flags


def checks(target: Target) -> Iterator[Check]:
    """The checks that fit the target's zone."""
    yield from _static(target)
    if target.name:
        yield from _dynamic(f"{target.name}.{target.zone}")
    if target.wildcard:
        owner = f"smoke-test.{target.wildcard}.{target.zone}"
        yield Check(
            "wildcard", f"{owner} A", "NOERROR aa A", lambda r: _answers(r, "A") and r.answer[0][0] == owner + "."
        )
    if target.alias:
        owner = f"{target.alias}.{target.zone}"
        yield Check(
            "alias",
            f"{owner} A",
            "NOERROR aa CNAME first",
            lambda r: _answers(r, "CNAME") and r.answer[0][1] == "CNAME",
        )
    if target.delegation:
        yield Check(
            "referral",
            f"host.{target.delegation}.{target.zone} A",
            "NOERROR without aa, NS in authority",
            lambda r: (r.status, r.answer, _kinds(r.authority)) == ("NOERROR", [], {"NS"}) and "aa" not in r.flags,
        )


def _static(target: Target) -> Iterator[Check]:
    zone = target.zone
    missing = f"smoke-test-no-such-name.{zone}"
    yield Check("SOA", f"{zone} SOA", "NOERROR aa SOA", lambda r: _answers(r, "SOA"))
    yield Check("NS", f"{zone} NS", "NOERROR aa NS", lambda r: _answers(r, "NS"))
    yield Check("SOA over TCP", f"{zone} SOA +tcp", "NOERROR aa SOA", lambda r: _answers(r, "SOA"))
    yield Check("unknown type", f"{zone} TYPE666", "NODATA with SOA", lambda r: _negative(r, "NOERROR"))
    yield Check("no such name", f"{missing} A", "NXDOMAIN with SOA", lambda r: _negative(r, "NXDOMAIN"))
    yield Check(
        "not our zone",
        "smoke-test.invalid A",
        "REFUSED without aa",
        lambda r: r.status == "REFUSED" and "aa" not in r.flags,
    )
    yield Check("no recursion", f"{zone} SOA +recurse", "rd copied, no ra", lambda r: {"rd"} == r.flags & {"rd", "ra"})
    yield Check(
        "letter case", f"{_mixed(zone)} SOA", "question echoed as sent", lambda r: r.question == _mixed(zone) + "."
    )
    yield Check("EDNS", f"{zone} SOA", "OPT with size 1232", lambda r: "udp: 1232" in r.text)
    yield Check("no EDNS", f"{zone} SOA +noedns", "no OPT", lambda r: _answers(r, "SOA") and "OPT PSEUDO" not in r.text)
    yield Check("EDNS version", f"{zone} SOA +edns=1 +noednsneg", "BADVERS", lambda r: r.status == "BADVERS")
    yield Check("NSID", f"{zone} SOA +nsid", "NSID", lambda r: "; NSID:" in r.text)
    yield Check("opcode", f"{zone} SOA +opcode=2", "NOTIMP", lambda r: r.status == "NOTIMP")
    yield Check(
        "ANY", f"{zone} ANY +notcp", "NOERROR aa, not cut", lambda r: r.status == "NOERROR" and "tc" not in r.flags
    )
    yield Check("node name", "id.server TXT CH", "CH TXT", lambda r: "TXT" in _kinds(r.answer))
    yield Check("zone transfer", f"{zone} AXFR", "refused", lambda r: "Transfer failed" in r.text)


def _dynamic(name: str) -> Iterator[Check]:
    yield Check("dynamic name", f"{name} A", "NOERROR aa A", lambda r: _answers(r, "A"))
    yield Check("dynamic name over TCP", f"{name} A +tcp", "NOERROR aa A", lambda r: _answers(r, "A"))
    yield Check("dynamic name NODATA", f"{name} MX", "NODATA with SOA", lambda r: _negative(r, "NOERROR"))
    ecs = "client subnet echoed with a scope"
    network = "203.0.113.0/24"
    yield Check("ECS", f"{name} A +subnet={network}", ecs, lambda r: f"CLIENT-SUBNET: {network}/" in r.text)
    yield Check("ECS /0", f"{name} A +subnet=0", "scope 0", lambda r: "CLIENT-SUBNET: 0.0.0.0/0/0" in r.text)


def _mixed(text: str) -> str:
    return "".join(c.upper() if i % 2 else c for i, c in enumerate(text))


def run(target: Target) -> int:
    """Run every check, print a line for each, and return how many failed."""
    failed = 0
    for check in checks(target):
        reply = ask(target, check.question)
        if check.holds(reply):
            print(f"ok    {check.title}: {check.expected}")
        else:
            failed += 1
            print(f"FAIL  {check.title} (dig {check.question}): expected {check.expected}; found {reply}")
    for field in ("name", "wildcard", "alias", "delegation"):
        if not getattr(target, field):
            print(f"skip  {field}: say which, --{field} LABEL")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description="Smoke tests with dig against a running node.")
    parser.add_argument("--server", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--zone", required=True)
    parser.add_argument("--timeout", type=int, default=2, help="seconds for each of two tries")
    parser.add_argument("--name", help="a dynamic name of the zone, relative to it")
    parser.add_argument("--wildcard", help="the owner below which a wildcard with A stands")
    parser.add_argument("--alias", help="the owner of a CNAME")
    parser.add_argument("--delegation", help="the owner of a delegation")
    options = vars(parser.parse_args())
    zone = options["zone"] = options["zone"].rstrip(".")
    known = KNOWN.get(zone, {})
    target = Target(**{key: known.get(key, "") if value is None else value for key, value in options.items()})
    return 1 if run(target) else 0


if __name__ == "__main__":
    sys.exit(main())
