"""What the comparison must notice: each reply here differs from ours by one thing that no allowance covers."""

from pathlib import Path

import dns.message
import pytest

from tests.differential.compare import Case, Data, allowed, read, read_zones

ZONE = """\
$ORIGIN z.test.
@ 60 SOA ns1 hostmaster 1 3600 600 604800 30
@ 60 NS ns1
ns1 60 A 192.0.2.9
sub 60 NS ns.sub
ns.sub 60 A 192.0.2.53
to 60 CNAME x.sub
"""
NS = "id 1\nflags QR AA\n;QUESTION\nz.test. IN NS\n;ANSWER\nz.test. 60 IN NS ns1.z.test.\n;AUTHORITY\n;ADDITIONAL\n"
GLUE = "ns.sub.z.test. 60 IN A 192.0.2.53\n"
CUT = "sub.z.test. 60 IN NS ns.sub.z.test.\n"
REFERRAL = f"id 1\nflags QR\n;QUESTION\nx.sub.z.test. IN A\n;ANSWER\n;AUTHORITY\n{CUT};ADDITIONAL\n{GLUE}"
ALIAS = "id 1\nflags QR AA\n;QUESTION\nto.z.test. IN A\n;ANSWER\nto.z.test. 60 IN CNAME x.sub.z.test.\n;AUTHORITY\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    file: Path = tmp_path_factory.mktemp("compare") / "zone"
    file.write_text(ZONE)
    return read_zones({"z.test.": str(file)})


def needed(data: Data, ours: str, theirs: str) -> set[str]:
    """The allowances for two replies that are given as text; our reply to any other question is a referral."""
    mine, other, about = (read(dns.message.from_text(text).to_wire()) for text in (ours, theirs, REFERRAL))
    asked = dns.message.from_text(ours).question[0]
    return allowed(Case(mine, other, data, asked.name, int(asked.rdtype), lambda name, rtype: about))


@pytest.mark.parametrize("text", [NS, REFERRAL, ALIAS])
def test_equal_replies_need_nothing(data: Data, text: str) -> None:
    assert needed(data, text, text) == set()


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        (NS, NS + "ns1.z.test. 60 IN A 192.0.2.9\n", "addresses"),
        (ALIAS, f"{ALIAS}{CUT};ADDITIONAL\n", "referral behind an alias"),
    ],
)
def test_what_is_allowed(data: Data, ours: str, theirs: str, name: str) -> None:
    assert needed(data, ours, theirs) == {name}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (NS, NS.replace(" AA", "")),
        (NS, NS.replace("QR AA", "QR AA RA")),
        (NS, NS.replace("QR AA", "QR AA TC")),
        (NS, NS.replace("flags", "rcode NXDOMAIN\nflags")),
        (NS, NS.replace("flags", "edns 0\nflags")),
        (NS, NS.replace("\nz.test. IN", "\nZ.test. IN")),
        (NS, NS.replace("60 IN NS", "61 IN NS")),
        (NS, NS.replace(";AUTHORITY", "z.test. 60 IN NS ns2.z.test.\n;AUTHORITY")),
        (NS, NS.replace(";ADDITIONAL", f"{CUT};ADDITIONAL")),
        (NS, f"{NS}ns1.z.test. 60 IN A 192.0.2.10\n"),
        (NS, f"{NS}ns1.z.test. 61 IN A 192.0.2.9\n"),
        (NS, NS + GLUE),
        (NS + "ns1.z.test. 60 IN A 192.0.2.9\n", NS),
        (REFERRAL, REFERRAL.replace(GLUE, "")),
        (REFERRAL.replace(GLUE, ""), REFERRAL),
        (REFERRAL, REFERRAL.replace(CUT, "")),
        (REFERRAL, REFERRAL.replace("flags QR", "flags QR AA")),
        (ALIAS, f"{ALIAS}z.test. 60 IN NS ns1.z.test.\n"),
        (ALIAS, f"{ALIAS}{CUT.replace('60', '61')}"),
        (ALIAS, f"{ALIAS}z.test. 30 IN SOA ns1.z.test. hostmaster.z.test. 1 3600 600 604800 30\n"),
        (ALIAS, ALIAS.replace(";AUTHORITY", "x.sub.z.test. 60 IN A 192.0.2.1\n;AUTHORITY")),
    ],
)
def test_what_is_not(data: Data, ours: str, theirs: str) -> None:
    assert ours != theirs
    with pytest.raises(AssertionError, match="they differ in"):
        needed(data, ours, theirs)
