"""The store of the node file."""

import pytest

from gslb.config.settings import StoreSettings
from tests.config.conftest import NODE, Folder


def test_a_store_of_ones_own_is_the_default(folder: Folder) -> None:
    assert folder.load().node.store == StoreSettings()
    assert folder.load(node=NODE + "store: {type: sqlite}\n").node.store == StoreSettings()


def test_etcd_with_everything(folder: Folder) -> None:
    text = """
store:
  type: etcd
  endpoints: ["https://etcd-1.example.com:2379", "https://192.0.2.21:2379/", "https://[2001:db8::21]:2379"]
  prefix: /prod/gslb
  tls: {ca: tls/ca.pem, cert: /etc/gslb/node.pem, key: tls/node.key}
  login: {user: gslb, password_file: etcd-password}
  loss: freeze
"""
    store = folder.load(node=NODE + text).node.store
    assert store.endpoints[1:] == ("https://192.0.2.21:2379", "https://[2001:db8::21]:2379")
    assert (store.type, store.prefix, store.user, store.loss) == ("etcd", "/prod/gslb", "gslb", "freeze")
    assert store.ca == str(folder.path / "tls" / "ca.pem")
    assert (store.cert, store.key) == ("/etc/gslb/node.pem", str(folder.path / "tls" / "node.key"))
    assert store.password_file == str(folder.path / "etcd-password")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{type: etcd}", "store.type: etcd needs `endpoints` (for example [https://192.0.2.21:2379])"),
        ("{type: consul}", "store.type: must be sqlite or etcd (got 'consul')"),
        ("{type: sqlite, prefix: /x}", "store.prefix: goes with type: etcd only"),
        ("{type: etcd, endpoints: [etcd-1]}", "store.endpoints.0: must be a client URL of etcd such as https://"),
        ("{type: etcd, endpoints: ['http://u:p@h:1']}", "store.endpoints.0: must be a client URL of etcd"),
        ("{type: etcd, endpoints: ['http://h:1/x']}", "store.endpoints.0: must be a client URL of etcd"),
        ("{type: etcd, endpoints: ['http://h:x']}", "store.endpoints.0: must be a client URL of etcd"),
        (
            "{type: etcd, endpoints: ['http://h:1'], prefix: gslb}",
            "store.prefix: must be a path such as /gslb (got 'gslb'",
        ),
        (
            "{type: etcd, endpoints: ['http://h:1'], tls: {cert: a}}",
            "store.tls: needs both `cert` and `key`, or neither",
        ),
        (
            "{type: etcd, endpoints: ['http://h:1'], loss: panic}",
            "store.loss: must be own_votes or freeze (got 'panic')",
        ),
        ("{type: etcd, endpoints: ['http://h:1'], login: {user: x}}", "store.login.password_file: is required"),
    ],
)
def test_faults(folder: Folder, text: str, fault: str) -> None:
    [found] = folder.problems(node=f"{NODE}store: {text}\n")
    assert fault in found


def test_a_node_without_the_role_dns_needs_no_address(folder: Folder) -> None:
    node = NODE.replace("site: tokyo", "site: tokyo, roles: [probe]")
    bare = (
        "\n".join(line for line in node.splitlines() if not line.startswith("listen"))
        + '\nlisten: {api: "127.0.0.1:1"}\n'
    )
    assert folder.load(node=bare).node.dns == ()
    [found] = folder.problems(node=bare.replace("roles: [probe]", "roles: [dns]"))
    assert "listen: `dns` is required for the role dns" in found
