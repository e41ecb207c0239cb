"""Ten nodes at rest: what the control process of one holds, and what etcd has to do for all of them."""

import asyncio
import re
import resource
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gslb.health.states import Observation, TargetKey
from gslb.health.votes import Ballot
from tests.e2e.kit import ZONE, Node, eventually
from tests.e2e.targets import Targets
from tests.etcd_kit import Cluster, program
from tests.store.nodes_kit import nodes, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TARGETS, NODES, PROBERS = 500, 10, 5
PER_POOL = 10
SECONDS = 10
ROOM = 5  # seconds after which a node asks whether etcd has run out of space
MOST = 150 << 20  # octets
MIB = 1 << 20
ADDRESSES = [f"127.3.{number // 100}.{number % 100 + 1}" for number in range(TARGETS)]
OTHERS = [f"place{number}-1" for number in range(NODES - 1)]


def zone(port: int) -> str:
    """Pools of ten members at ten sites, and the probers; the nodes are at sites of their own."""
    sites = "".join(f"  s{number}: {{}}\n" for number in range(PER_POOL))
    homes = "".join(f"  {name.removesuffix('-1')}: {{}}\n" for name in OTHERS)
    probers = "".join(
        f"  {name}: {{site: {name.removesuffix('-1')}, address: '{ADDRESSES[number]}:{port}'}}\n"
        for number, name in enumerate(OTHERS[: PROBERS - 1])
    )
    members = [f"      m{n}: {{site: s{n % PER_POOL}, addresses: [{ADDRESSES[n]}]}}\n" for n in range(TARGETS)]
    pools = "".join(
        f"  p{n}:\n    monitors: [web]\n    members:\n{''.join(members[n * PER_POOL : (n + 1) * PER_POOL])}"
        for n in range(TARGETS // PER_POOL)
    )
    names = "".join(f"      n{n}: {{pool: p{n}}}\n" for n in range(TARGETS // PER_POOL))
    return (
        f"sites:\n  tokyo: {{}}\n{sites}{homes}probers:\n  test: {{site: tokyo}}\n{probers}"
        f"monitors:\n  web: {{type: http, port: {port}}}\npools:\n{pools}{ZONE}{names}"
    )


def counted(cluster: Cluster) -> Counter[str]:
    """What etcd says of itself: calls by method, puts, and the revision."""
    (member,) = cluster.members
    with urllib.request.urlopen(f"{member.url}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found: Counter[str] = Counter()
    for method, count in re.findall(r'^grpc_server_msg_received_total{.*grpc_method="(\w+)".*} (\S+)$', text, re.M):
        found[method] += int(float(count))
    for name, count in re.findall(r"^etcd_debugging_mvcc_(put_total|delete_total|txn_total) (\S+)$", text, re.M):
        found[name] += int(float(count))
    found["revision"] = int(cluster.ask(member, "kv/range", {"key": "AA=="})["header"]["revision"])
    return found


def voters(node: Node) -> int:
    """Whose votes count at a node."""
    token = (node.state / "token").read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{node.api}/metrics", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        (found,) = re.findall(r"^gslb_voters (\S+)$", answer.read().decode(), re.M)
    return int(float(found))


def resident(pid: int) -> int:
    """Octets of a process in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def test_ten_nodes_at_rest_write_nothing_and_control_is_small(
    tmp_path: Path, make_node: Callable[[], Node]
) -> None:
    program()
    real = make_node()
    with Targets(ADDRESSES) as targets, Cluster(tmp_path / "etcd") as cluster:
        store = f"{{type: etcd, endpoints: ['{cluster.urls[0]}'], prefix: /rest}}"
        async with nodes(cluster.access(), "/rest", tmp_path, OTHERS) as others:
            real.write(zone(targets.port), store=store).start()
            await asyncio.to_thread(real.ready, 60)
            seen = {TargetKey("web", address): Observation("up", 1_700_000_000.0, "") for address in ADDRESSES}
            for one in others[: PROBERS - 1]:
                await one.store.votes.cast(Ballot(one.name, one.name.removesuffix("-1"), seen, ""))
            await until(lambda: all(len(one.voters | {one.name}) >= PROBERS for one in others), 20)
            await asyncio.to_thread(eventually, lambda: voters(real) == PROBERS, 20, 0.5)
            await asyncio.sleep(SECONDS)  # until nothing changes any more
            before = counted(cluster)
            await asyncio.sleep(SECONDS)
            after = counted(cluster)
            grown = resident(real.run()["control"][0].pid)
            listed = await asyncio.to_thread(real.call, "GET", "/api/v1/nodes")
        told = after - before
        print(f"\n{SECONDS} s, {NODES} nodes: {dict(told)}; control process {grown / MIB:.1f} MiB")
    assert len(listed.body["nodes"]) == NODES
    assert grown <= MOST
    assert told["revision"] == told["put_total"] == told["delete_total"] == told["Txn"] == told["Put"] == 0
    assert told["LeaseKeepAlive"] <= NODES * (SECONDS + 1)
    assert told["Range"] <= NODES * (SECONDS + 1) + 1
    assert told["Status"] <= NODES * (SECONDS / ROOM + 1)
    assert told.keys() <= {"LeaseKeepAlive", "Range", "Status", "txn_total"}
