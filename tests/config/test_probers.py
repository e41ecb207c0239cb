import pytest

from gslb.config.model import Prober
from tests.config.conftest import NODE, Folder

TWO = 'n1: {site: tokyo, address: "192.0.2.53:53"}\nn2: {site: osaka, address: "[2001:db8::53]:53"}'
SITES = "tokyo:\nosaka:\nnagoya:"
THREE = f'{TWO}\nn3: {{site: nagoya, address: "203.0.113.53:53"}}'
MONITOR = "web: {type: http%s}\nssh: {type: tcp, port: 22}"


def at(role: str) -> str:
    return NODE.replace("site: tokyo", f"site: tokyo, roles: [{role}]")


def test_all_nodes_know_the_probers(folder: Folder) -> None:
    config = folder.load(probers=THREE, sites=SITES)
    assert config.probers["n1"] == Prober("n1", "tokyo", ("192.0.2.53", 53))
    assert config.probers["n2"].address == ("2001:db8::53", 53)
    assert list(config.probers) == ["n1", "n2", "n3"]
    assert config.warnings == (), "a witness at a site without members is fine"
    assert folder.load(probers="n1: {site: tokyo}").probers["n1"].address is None
    assert folder.load(sites="tokyo:", probers="n1: {site: tokyo}").probers.keys() == {"n1"}


@pytest.mark.parametrize(
    ("probers", "fault"),
    [
        ("n1: {site: tokio}", "probers.n1.site: there is no site 'tokio' (did you mean tokyo?)"),
        ("n1: {}", "probers.n1.site: is required"),
        ("n1: {site: tokyo, address: 192.0.2.1}", "probers.n1.address: must be an address and a port such as"),
        ('"n 1": {site: tokyo}', "probers.n 1: a name is"),
        (f'{TWO}\nn3: {{site: osaka, address: "127.0.0.1:53"}}', "probers.n3.address: 127.0.0.1 must not be probed"),
    ],
)
def test_faults(folder: Folder, probers: str, fault: str) -> None:
    assert any(line.startswith(fault) for line in folder.messages(probers=probers))


def test_a_node_that_probes_is_among_them(folder: Folder) -> None:
    [found] = folder.problems(probers="n2: {site: osaka}")
    assert found.startswith("gslb.yaml:2:14: node.name: probes, and is not among `probers` of the zones folder")
    assert found.endswith("(got 'n1') (known: n2)")
    assert folder.load(probers="n2: {site: osaka}", node=at("dns")).probers


def test_a_node_is_at_one_site(folder: Folder) -> None:
    [found] = folder.problems(probers="n1: {site: osaka}")
    assert found == "gslb.yaml:2:24: node.site: differs from the site of prober 'n1', osaka (got 'tokyo')"


def test_what_must_not_be_probed_is_no_reference(folder: Folder) -> None:
    deny = "deny: [192.0.2.0/24, '2001:db8::/32'], ports: {deny: [53]}"
    node = f"{NODE}probe: {{{deny}, references: [127.0.0.1, 192.0.2.1, '198.51.100.1:53']}}\n"
    found = folder.messages(node=node, probers=THREE, sites=SITES, pools=POOL)
    assert [line.split(" (")[0] for line in found] == [
        "probe.references.1: must not be probed: it is in 192.0.2.0/24 of probe.deny",
        "probe.references.2: must not be probed: it is in probe.ports.deny",
        "probers.n2.address: 2001:db8::53 must not be probed: it is in 2001:db8::/32 of probe.deny",
        "probers.n3.address: 53 must not be probed: it is in probe.ports.deny",
    ]


POOL = "web: {members: {tokyo: {site: tokyo, addresses: [198.51.100.1]}}}"


def test_two_probers_are_slow(folder: Folder) -> None:
    node = f"{NODE}probe: {{references: [192.0.2.1]}}\n"
    [told] = folder.warnings(probers=TWO, node=node)
    assert told.startswith("probers: two probers cannot tell a dead site from a cut link quickly (add a witness: ")


@pytest.mark.parametrize(
    ("probers", "references", "found"),
    [
        ("n1: {site: tokyo}", "[]", 0),
        ("n1: {site: tokyo}", "[192.0.2.1]", 1),
        ("n1: {site: tokyo}", "[192.0.2.1, 192.0.2.2]", None),
        (THREE.replace(', address: "203.0.113.53:53"', ""), "[]", 1),
        (THREE.replace(', address: "203.0.113.53:53"', ""), '["[2001:db8::53]:53"]', 1),
        (THREE, "[]", None),
    ],
)
def test_references_of_a_prober(folder: Folder, probers: str, references: str, found: int | None) -> None:
    told = folder.warnings(probers=probers, sites=SITES, node=f"{NODE}probe: {{references: {references}}}\n")
    expected = "probe.references: this prober needs at least 2 references to know when its own network fails"
    assert [line.split(" (list")[0] for line in told] == ([] if found is None else [f"{expected} (got {found})"])


def test_a_node_that_does_not_probe_needs_no_references(folder: Folder) -> None:
    assert folder.warnings(probers="n2: {site: osaka}", node=at("dns")) == []


@pytest.mark.parametrize(
    ("keys", "probers", "left"),
    [
        (", self_vote: false", None, "leaves 0 voters for site 'tokyo', and a verdict needs 1: none is ever reached"),
        (", self_vote: false", THREE, None),
        (
            ", self_vote: false, min_votes: 3",
            THREE,
            "leaves 2 voters for site 'tokyo', and a verdict needs 3: none is ever reached",
        ),
    ],
)
def test_members_that_nobody_may_judge(folder: Folder, keys: str, probers: str | None, left: str | None) -> None:
    sections = {"probers": probers} if probers else {}
    found = folder.warnings(monitors=MONITOR % keys, sites=SITES, **sections)
    assert found == ([f"monitors.web.self_vote: {left}"] if left else [])
