"""The `dnstap` of the node file."""

import pytest

from gslb.config.settings import TapSettings
from tests.config.conftest import NODE, Folder


def test_nothing_is_copied_unless_asked_for(folder: Folder) -> None:
    assert folder.load().node.dnstap is None


def test_a_socket_is_enough(folder: Folder) -> None:
    expected = TapSettings(str(folder.path / "tap.sock"), responses=True, queries=False, sample=1)
    assert folder.load(node=NODE + "dnstap: {socket: tap.sock}\n").node.dnstap == expected


def test_everything(folder: Folder) -> None:
    text = "dnstap: {socket: /run/dnstap.sock, responses: false, queries: true, sample: 100}\n"
    expected = TapSettings("/run/dnstap.sock", responses=False, queries=True, sample=100)
    assert folder.load(node=NODE + text).node.dnstap == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{}", "dnstap.socket: is required"),
        ("{socket: /a, responses: false}", "dnstap: neither `responses` nor `queries` is true"),
        ("{socket: /a, sample: 0}", "dnstap.sample:"),
        (f"{{socket: /{'a' * 107}}}", "dnstap.socket: the path of a socket has at most 107 octets"),
    ],
)
def test_faults(folder: Folder, text: str, fault: str) -> None:
    [found] = folder.problems(node=f"{NODE}dnstap: {text}\n")
    assert fault in found
