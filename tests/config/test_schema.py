"""The node file and what one value alone can tell, through the loader that people use."""

import pytest

from tests.config.conftest import NODE, Folder


def test_defaults_of_the_node_file(folder: Folder) -> None:
    node = folder.load().node
    assert node.roles == ("dns", "probe", "api")
    assert node.dns == (("127.0.0.1", 5300),)
    assert (node.api, node.workers) == (None, None)
    assert (node.startup_wait, node.max_state_age, node.probe_concurrency) == (5.0, 600.0, 200)
    assert (node.geo_databases, node.probe_allow, node.ecs_trust) == ((), (), ())
    assert (node.probe_deny, node.probe_ports_deny, node.references) == ((), (), ())


def test_every_key_of_the_node_file(folder: Folder) -> None:
    node = folder.load(
        node="""
        node: {name: n1, site: tokyo, roles: [dns, dns]}
        listen: {dns: ["127.0.0.1:5300", "[::1]:5300"], api: "[::1]:8053"}
        workers: 0
        zones: zones/
        state: state/
        store: {type: sqlite}
        geo: {databases: geo.mmdb}
        probe: {allow: [127.0.0.0/8], deny: 127.1.0.0/16, ports: {deny: [25, 6000-6063]}, concurrency: 10,
                references: [192.0.2.1, "192.0.2.53:53", 192.0.2.1]}
        ecs: {trust: 10.0.0.0/8}
        startup_wait: 0s
        max_state_age: 1h
        """
    ).node
    assert node.roles == ("dns",)
    assert node.dns == (("127.0.0.1", 5300), ("::1", 5300))
    assert node.api == ("::1", 8053)
    assert node.workers == 0
    assert node.zones == str(folder.path / "zones")
    assert node.state == str(folder.path / "state")
    assert node.geo_databases == (str(folder.path / "geo.mmdb"),)
    assert node.probe_allow == ("127.0.0.0/8",)
    assert node.probe_deny == ("127.1.0.0/16",)
    assert node.probe_ports_deny == ((25, 25), (6000, 6063))
    assert node.references == (("192.0.2.1", 0), ("192.0.2.53", 53))
    assert node.ecs_trust == ("10.0.0.0/8",)
    assert (node.probe_concurrency, node.startup_wait, node.max_state_age) == (10, 0.0, 3600.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("workers: 65", "workers: must be auto or a number from 0 to 64 (got 65)"),
        ("workers: true", "workers: must be auto or a number from 0 to 64 (got true)"),
        ("store: {type: consul}", "store.type: must be sqlite or etcd (got 'consul')"),
        ("probe: {allow: [127.0.0.1/8]}", "probe.allow.0: has bits set behind its prefix: 127.0.0.0/8 is meant?"),
        ("startup_wait: 5", "startup_wait: must be a duration such as"),
        ("max_state_age: 73h", "max_state_age: must be from 0s to 72h (got 73h)"),
        ("worker: 2", "worker: is not a known key (did you mean workers?)"),
        ("probe: {references: [router]}", "probe.references.0: must be an IPv4 or IPv6 address (got 'router')"),
        ("ecs: {trust: [5]}", "ecs.trust.0: must be text (got 5)"),
    ],
)
def test_faults_of_the_node_file(folder: Folder, line: str, message: str) -> None:
    [found] = folder.messages(node=f"{NODE}{line}\n")
    assert found.startswith(message)


def test_an_address_twice_is_refused(folder: Folder) -> None:
    node = NODE.replace('["127.0.0.1:5300"]', '["127.0.0.1:5300", "127.0.0.1:5300"]')
    assert folder.problems(node=node) == ["gslb.yaml:3:34: listen.dns.1: stands twice in the list"]


@pytest.mark.parametrize(
    ("section", "text", "message"),
    [
        ("sites", "tokyo: {latitude: 91, longitude: 0}", "sites.tokyo.latitude: must be at most 90.0 (got 91)"),
        ("sites", "tokyo: {capacity: 0}", "sites.tokyo.capacity: must be more than 0 (got 0)"),
        ("sites", "tokyo: {country: jp}", "sites.tokyo.country: must be a country code of two capital letters"),
        ("monitors", "web: {type: http, interval: 50ms}", "monitors.web.interval: must be from 100ms to 1h (got 50ms)"),
        ("monitors", "web: {type: http, fall: 0}", "monitors.web.fall: must be at least 1 (got 0)"),
        ("monitors", "web: {type: http, flaky: 0%}", "monitors.web.flaky: must be more than 0 (got"),
        ("monitors", "web: {type: http, path: x}", "monitors.web.path: must be a path from / on"),
        ("monitors", 'web: {type: http, path: "/a\\r\\nb"}', "monitors.web.path: must be a path from / on"),
        ("monitors", 'web: {type: http, headers: {X: "a\\nb"}}', "monitors.web.headers.X: must be text without line"),
        ("monitors", 'web: {type: http, headers: {"a b": x}}', "monitors.web.headers.a b: must be a header name"),
        ("monitors", 'web: {type: http, host: "a b"}', "monitors.web.host: must be a host name"),
        ("monitors", "web: {type: http, method: get}", "monitors.web.method: must be a method such as"),
        ("monitors", "web: {type: http, expect: {status: [99]}}", "monitors.web.expect.status.0: must be at least 100"),
        ("monitors", "web: {type: http, expect: {json: {a: [1]}}}", "monitors.web.expect.json.a: must be one value"),
        ("pools", "web: {members: {}}", "pools.web.members: must not be empty"),
        (
            "pools",
            "web: {answers: 0, members: {a: {site: osaka, addresses: [192.0.2.1]}}}",
            "pools.web.answers: must be",
        ),
        ("pools", "web: {members: {a/b: {site: osaka, addresses: [192.0.2.1]}}}", "pools.web.members.a/b: a name is"),
        ("pools", "web: {members: {a: {site: osaka, addresses: []}}}", "pools.web.members.a.addresses: must not be"),
        ("pools", "web: {members: {a: {site: osaka, addresses: [x]}}}", "pools.web.members.a.addresses.0: must be an"),
        ("zone", "names: {www: {pool: web, ttl: -1}}", "zones.example.com.names.www.ttl: must be seconds from 0 to"),
        ("zone", "names: {www: {pool: web, ttl: 5s}}", "zones.example.com.names.www.ttl: must be seconds from 0 to"),
        ("zone", "names: {www: {pool: web, ttl: {max: -1}}}", "zones.example.com.names.www.ttl.max: must be at least"),
        ("zone", "names: {www: {pool: web, ttl: {mix: 1}}}", "zones.example.com.names.www.ttl.mix: is not a known key"),
        ("zone", "names: {www: {pool: web, rto: 100ms}}", "zones.example.com.names.www.rto: must be from 1s to 24h"),
        ("zone", "ttl: 2147483648", "zones.example.com.ttl: must be at most 2147483647 (got 2147483648)"),
        ("zone", "soa: {mname: a, rname: b, serial: 4294967296}", "zones.example.com.soa.serial: must be at most"),
        (
            "zone",
            "names: {www: {rules: [{match: {country: [Japan]}, pools: [web]}]}}",
            "zones.example.com.names.www.rules.0",
        ),
        (
            "zone",
            "names: {www: {rules: [{match: {continent: XX}, pools: [web]}]}}",
            "zones.example.com.names.www.rules.0",
        ),
        (
            "zone",
            "names: {www: {rules: [{match: {asn: [-1]}, pools: [web]}]}}",
            "zones.example.com.names.www.rules.0.match",
        ),
    ],
)
def test_faults_of_the_zones_folder(folder: Folder, section: str, text: str, message: str) -> None:
    assert any(line.startswith(message) for line in folder.messages(**{section: text}))


@pytest.mark.parametrize("pools", ["[]", "{}", "web", "[web, 5]"])
def test_pools_of_a_rule_are_a_list_or_a_mapping(folder: Folder, pools: str) -> None:
    zone = f"names: {{www: {{rules: [{{pools: {pools}}}]}}}}"
    assert any("a list of pools in order, or a mapping" in line for line in folder.messages(zone=zone))


@pytest.mark.parametrize("weight", ["-1", "x", "true", "1000001"])
def test_weights_of_a_rule(folder: Folder, weight: str) -> None:
    zone = f"names: {{www: {{rules: [{{pools: {{web: {weight}}}}}]}}}}"
    assert any("the weight of web must be from 0 to 1000000" in line for line in folder.messages(zone=zone))
