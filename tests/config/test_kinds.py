"""Pools of addresses and pools of names."""

from pathlib import Path

import pytest

from gslb.dns.name import from_text
from gslb.errors import ConfigError
from tests.loading import load

NODE = """\
node: {name: n, site: x}
listen: {dns: ["127.0.0.1:5300"]}
zones: zones/
state: state/
"""


def written(folder: Path, pools: str, names: str, more: str = "") -> str:
    """A configuration of one zone; the dynamic names stand in line 11 behind one line of pools."""
    (folder / "zones").mkdir(exist_ok=True)
    (folder / "gslb.yaml").write_text(NODE)
    (folder / "zones" / "zone.yaml").write_text(
        f"""\
sites: {{x: {{}}}}
monitors: {{m: {{type: tcp, port: 80}}}}
pools:
{pools}zones:
  gslb.example.com:
    soa: {{mname: ns1, rname: hostmaster.example.com., serial: 1}}
    ns: [ns1]
    records: {{ns1: {{A: [192.0.2.53]}}{more}}}
    names:
      {names}
"""
    )
    return str(folder / "gslb.yaml")


GOOD = "  cdn: {members: {a: {site: x, cname: edge.example.net.}, b: {site: x, cname: far.example.net}}}\n"


def test_a_pool_of_names(tmp_path: Path) -> None:
    config = load(written(tmp_path, GOOD, "www: {pool: cdn}"))
    assert [member.cname for member in config.pools["cdn"].members] == [
        from_text("edge.example.net."),
        from_text("far.example.net."),
    ]
    assert [member.addresses for member in config.pools["cdn"].members] == [(), ()]


def test_what_is_probed_for_a_name(tmp_path: Path) -> None:
    pool = "  cdn: {monitors: [m], members: {a: {site: x, cname: edge.example.net., check: 192.0.2.7}}}\n"
    assert load(written(tmp_path, pool, "www: {pool: cdn}")).pools["cdn"].members[0].addresses == ("192.0.2.7",)


EQUALS = (
    "{policy: failover, members: {a: {site: x, cname: b.example., priority: 1},"
    " b: {site: x, cname: c.example., priority: 1}}}"
)


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ("{members: {a: {site: x}}}", "either addresses or cname"),
        ("{members: {a: {site: x, addresses: [192.0.2.1], cname: b.example.}}}", "either addresses or cname"),
        ("{monitors: [m], members: {a: {site: x, cname: b.example.}}}", "needs `check`"),
        ("{monitors: [m], members: {a: {site: x, cname: b.example., check: 127.0.0.1}}}", "must not be probed"),
        ("{members: {a: {site: x, cname: 'b..example.'}}}", "has an empty label"),
        ("{members: {a: {site: x, cname: b.example.}, c: {site: x, addresses: [192.0.2.1]}}}", "others have"),
        ("{answers: 2, members: {a: {site: x, cname: b.example.}}}", "has one CNAME"),
        ("{policy: all, members: {a: {site: x, cname: b.example.}}}", "has one CNAME"),
        ("{all_down: {fallback: [192.0.2.1]}, members: {a: {site: x, cname: b.example.}}}", "cannot fall back"),
        (EQUALS, "equal priority"),
    ],
)
def test_what_such_a_pool_cannot_be(tmp_path: Path, pool: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, f"  cdn: {pool}\n", "www: {pool: cdn}"))
    found = [p for p in caught.value.problems if message.replace("others have", "other members have") in p.message]
    assert found, str(caught.value)
    assert "zone.yaml:4:" in found[0].where


BOTH = GOOD + "  web: {members: {a: {site: x, addresses: [192.0.2.1]}}}\n"


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        ("www: {rules: [{pools: [cdn, web]}]}", "", "pools of names and pools of addresses"),
        ('{"@": {pool: cdn}, www: {pool: web}}', "", "top of a zone"),
        ("{www: {pool: cdn}, w: {pool: web}}", ", www: {TXT: [x]}", "has static data too"),
        ("{www: {pool: cdn, https: {alpn: [h2]}}, w: {pool: web}}", "", "no HTTPS or SVCB"),
    ],
)
def test_what_cannot_stand_beside_a_cname(tmp_path: Path, names: str, more: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, BOTH, names, more))
    assert any(message in p.message and "zone.yaml:12:" in p.where for p in caught.value.problems), str(caught.value)
