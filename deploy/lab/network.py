"""The sites' networks: a router with a bridge for each site, hosts behind it, and links that can be cut.

All of it is in namespaces, so the machine's own network is not touched. A cut drops frames without a word, as a cut
fibre does: nobody gets "connection refused" from it.
"""

import shutil
import subprocess
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from deploy.lab.plan import SITES, Host, Site
from tests.e2e.lab.net import pids, remove

_NAMES = Path("/run/netns")
_PREFIX = "zabbixlab"
ROUTER = f"{_PREFIX}-router"
_SETTINGS = {  # of the router's namespace; the bridge's own are there only where the kernel has that module
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-ip6tables": "0",
}


def namespace(host: Host) -> str:
    return f"{_PREFIX}-{host.name}"


def inside(name: str, *argv: str) -> list[str]:
    """The command line that runs another in a namespace, in a mount namespace of its own; the process keeps its pid."""
    return [_tool("ip"), "netns", "exec", name, *argv]


def standing() -> list[str]:
    """The namespaces of a lab that are there."""
    return sorted(path.name for path in _NAMES.glob(f"{_PREFIX}-*"))


def build() -> None:
    """Make what is not there yet."""
    there = standing()
    if ROUTER not in there:
        _namespace(ROUTER, _SETTINGS)
        _batch(ROUTER, ["link set lo up", *(line for site in SITES for line in _site(site))])
    for site in SITES:
        for host in site.hosts:
            if namespace(host) not in there:
                _add(site, host)


def _site(site: Site) -> list[str]:
    name = site.name
    return [
        f"link add {name} type bridge mcast_snooping 0",
        f"address add {site.gateway}/24 dev {name}",
        f"address add {site.net6}::1/64 dev {name} nodad",
        f"link set {name} up",
    ]


def _add(site: Site, host: Host) -> None:
    name = namespace(host)
    _namespace(name, {"net/ipv6/conf/default/accept_dad": "0"})
    port = host.name[:15]
    peer = f"peer name eth0 netns {name}"
    _batch(ROUTER, [f"link add {port} type veth {peer}", f"link set {port} master {site.name} up"])
    addresses = [f"{a}/{64 if ':' in a else 24}" for a in (host.address, *host.more)]
    lines = ["link set lo up", *(f"address add {a} dev eth0" for a in addresses), "link set eth0 up"]
    lines += [f"route add default via {site.gateway}", f"-6 route add default via {site.net6}::1"]
    _batch(name, [line for line in lines if ":" not in line or any(":" in a for a in host.more)])


def _namespace(name: str, settings: dict[str, str]) -> None:
    _checked(_tool("ip"), "netns", "add", name)
    script = "".join(f"[ ! -e /proc/sys/{key} ] || echo {value} > /proc/sys/{key}\n" for key, value in settings.items())
    _checked(*inside(name, "sh", "-ec", script))


def _batch(name: str, lines: Iterable[str]) -> None:
    """Lines for ip; those that begin with -6 each in a call of their own, since a batch has one family."""
    lines = list(lines)
    _checked(_tool("ip"), "-n", name, "-batch", "-", text="\n".join(s for s in lines if not s.startswith("-6")))
    for line in lines:
        if line.startswith("-6"):
            _checked(_tool("ip"), "-n", name, *line.split())


def part(*sides: tuple[Site, ...]) -> None:
    """Let sites of different sides exchange nothing; without sides, or with one, all links work. Replaces the last."""
    pairs = [
        (one.name, two.name)
        for mine, theirs in product(sides, repeat=2)
        if mine != theirs
        for one in mine
        for two in theirs
    ]
    rules = "\n".join(f'iifname "{one}" oifname "{two}" drop' for one, two in pairs)
    _filter(ROUTER, f"chain forward {{ type filter hook forward priority 0;\n{rules}\n}}")


def refuse(host: Host, rule: str = "") -> None:
    """Drop what a host sends and the rule matches: `tcp dport 5432`. Without a rule everything passes again."""
    drop = f"{rule} drop" if rule else ""
    _filter(namespace(host), f"chain output {{ type filter hook output priority 0;\n{drop}\n}}")


def _filter(name: str, chain: str) -> None:
    text = f"table inet lab\ndelete table inet lab\ntable inet lab {{\n{chain}\n}}\n"
    _checked(*inside(name, _tool("nft"), "-f", "-"), text=text)


def processes(host: Host) -> list[int]:
    """The pids of all that runs in a host."""
    return pids(namespace(host))


def tear_down() -> None:
    """End what still runs in the namespaces, and remove them."""
    for name in standing():
        remove(_tool("ip"), name)


def _tool(name: str) -> str:
    return shutil.which(name) or f"/usr/sbin/{name}"


def _checked(*argv: str, text: str = "") -> None:
    done = subprocess.run(argv, input=text, text=True, capture_output=True, timeout=10, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(argv)}: {done.stderr}\n{text}")
