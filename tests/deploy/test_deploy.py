"""What deploy/ holds is run as it is: real etcd members with its settings, certificates and login."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gslb.control.stores import access
from gslb.errors import StoreError
from gslb.store.etcd import Etcd
from gslb.store.etcdaccess import client_tls
from gslb.store.shared import EtcdStore
from tests.deploy.kit import DEPLOY, NODES, SITES, Deployment, fetch, run
from tests.store.nodes_kit import (
    add,
    make_drain,
    records,
    until,
)

Need = Callable[[str], str]


@pytest.fixture
def deployment(need: Need, tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(need, tmp_path)
    yield made
    made.stop()


async def test_three_members_as_deployed_carry_drains_from_node_to_node(deployment: Deployment) -> None:
    await deployment.start(*SITES)
    deployment.login()
    async with deployment.store("tokyo-1") as tokyo, deployment.store("osaka-1") as osaka:
        await until(lambda: len(osaka.roster()) == len(tokyo.roster()) == 2)
        await add(tokyo, make_drain("d-1", "site/tokyo"))
        await until(lambda: drains(osaka) == {"d-1"})
        deployment.stop("tokyo")
        await drained(osaka, "d-2")
        deployment.stop()
        await deployment.start(*SITES)
        await drained(tokyo, "d-3")
        await until(lambda: drains(osaka) == drains(tokyo) == {"d-1", "d-2", "d-3"})
        assert [record.subject for record in await records(osaka, 10)] == ["d-3", "d-2", "d-1"]
    for site in SITES:
        assert "unrecognized environment variable" not in deployment.log(site)


def drains(store: EtcdStore) -> set[str]:
    return {drain.id for drain in store.held().drains}


async def drained(store: EtcdStore, drain_id: str) -> None:
    """As an operator drains who tries again while a leader is elected."""
    async with asyncio.timeout(15):
        while True:
            with suppress(StoreError):
                await add(store, make_drain(drain_id, f"pool/{drain_id}"))
                return
            await asyncio.sleep(0.2)


async def test_new_members_are_found_and_know_no_drain_but_local_ones_hold(deployment: Deployment) -> None:
    await deployment.start(*SITES)
    async with deployment.store("tokyo-1") as tokyo, deployment.store("osaka-1") as osaka:
        await add(tokyo, make_drain("d-1", "site/tokyo"))
        await until(lambda: drains(osaka) == {"d-1"})
        deployment.lose()
        await until(lambda: osaka.condition().lost)
        await add(osaka, make_drain("l-1", "site/tokyo", local=True))
        assert drains(osaka) == {"d-1", "l-1"}
        await deployment.start(*SITES)
        await until(lambda: active(osaka) == {"l-1"} and not active(tokyo), 10)
        await drained(tokyo, "d-2")
        await until(lambda: active(osaka) == {"l-1", "d-2"})


def active(store: EtcdStore) -> set[str]:
    return {drain.id for drain in store.held().drains if drain.removed is None}


async def test_nobody_gets_in_without_certificate_and_login(deployment: Deployment) -> None:
    await deployment.start(*SITES)
    deployment.login()
    settings = deployment.config("tokyo-1").node.store
    assert not fetch(f"{deployment.url('tokyo')}/health", client_tls(settings.ca, None, None))
    known = access(settings)
    stranger, own = Etcd(known._replace(login=None)), Etcd(known)
    try:
        with pytest.raises(StoreError, match="user name is empty"):
            await stranger.get("/gslb/live/intents")
        assert await own.get("/gslb/live/intents")
        with pytest.raises(StoreError, match="permission denied"):
            await own.get("/other")
    finally:
        await stranger.close()
        await own.close()


async def test_a_node_cannot_pose_as_a_member(deployment: Deployment) -> None:
    await deployment.start(*SITES)
    member, node = deployment.tls / "etcd-osaka", deployment.tls / "osaka-1"
    place, authority = f"{deployment.url('tokyo', 2380)}/version", str(member / "peer-ca.pem")
    among_members = client_tls(authority, str(member / "peer.pem"), str(member / "peer.key"))
    assert b"etcdserver" in fetch(place, among_members)
    assert not fetch(place, client_tls(authority, str(node / "client.pem"), str(node / "client.key")))


def test_what_is_recommended_is_what_members_take(deployment: Deployment) -> None:
    for site, host in SITES.items():
        found = deployment.settings(site)
        assert found["ETCD_NAME"] == site
        assert f"{site}={found['ETCD_INITIAL_ADVERTISE_PEER_URLS']}" in found["ETCD_INITIAL_CLUSTER"].split(",")
        assert host not in str(found)
        assert int(found["ETCD_ELECTION_TIMEOUT"]) == 10 * int(found["ETCD_HEARTBEAT_INTERVAL"])


def test_nodes_are_of_one_configuration_and_know_every_member(deployment: Deployment) -> None:
    configs = [deployment.config(name) for name in NODES]
    assert len({config.digest for config in configs}) == 1
    assert set(configs[0].probers) == set(NODES)
    for config in configs:
        assert set(config.node.store.endpoints) == {deployment.url(site) for site in SITES}
        assert ("dns" in config.node.roles) == bool(config.node.dns)


def test_certificates_are_made_once_and_anew_where_they_were_removed(need: Need, tmp_path: Path) -> None:
    openssl, script = need("openssl"), DEPLOY / "certificates.sh"
    wanted = ("etcd-a=192.0.2.21,2001:db8::21,etcd-a.example.com", "a-1")
    assert run(script, tmp_path, *wanted).splitlines() == [f"made {tmp_path}/etcd-a", f"made {tmp_path}/a-1"]
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert not run(script, tmp_path, *wanted)
    shutil.rmtree(tmp_path / "a-1")
    run(script, tmp_path, *wanted)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.name for path in first if first[path] != after[path]} == {"client.pem", "client.key"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))
    text = run(openssl, "x509", "-in", tmp_path / "etcd-a/server.pem", "-noout", "-text")
    assert "IP Address:192.0.2.21, IP Address:2001:DB8:0:0:0:0:0:21, DNS:etcd-a.example.com" in text
    for path in tmp_path.rglob("*.pem"):
        assert "CN" not in run(openssl, "x509", "-in", path, "-noout", "-subject")
    run(openssl, "verify", "-CAfile", tmp_path / "authority/peer-ca.pem", tmp_path / "etcd-a/peer.pem")


def test_systemd_understands_the_units(need: Need, tmp_path: Path) -> None:
    analyze = need("systemd-analyze")
    (tmp_path / "etcd.service.d").mkdir()
    shutil.copy(DEPLOY / "etcd/gslb.conf", tmp_path / "etcd.service.d")
    (tmp_path / "etcd.service").write_text("[Service]\nType=notify\nExecStart=/bin/true\n")
    text = (DEPLOY / "gslb.service").read_text()
    (tmp_path / "gslb.service").write_text(text.replace("/opt/gslb/bin/gslb", "/bin/true"))
    for unit in ("gslb.service", "etcd.service"):
        said = run("sh", "-c", f"{analyze} verify {tmp_path / unit} 2>&1")
        assert "Unknown" not in said
        assert str(tmp_path) not in said
