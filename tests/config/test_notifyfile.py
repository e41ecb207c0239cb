"""The `notify` of the node file."""

import pytest

from gslb.config.settings import SinkSettings
from tests.config.conftest import NODE, Folder


def test_nobody_is_told_unless_asked_for(folder: Folder) -> None:
    assert folder.load().node.notify == ()


def test_sinks_of_every_type(folder: Folder) -> None:
    text = """
notify:
  - {type: slack, url_file: slack-url, events: [site, pool]}
  - {type: alertmanager, url: "http://127.0.0.1:9093"}
  - {type: generic, url: "https://hooks.example.com/x?y=1", token_file: /run/token, ca: ca.pem, events: drain}
"""
    slack, alertmanager, generic = folder.load(node=NODE + text).node.notify
    assert slack == SinkSettings("slack", url_file=str(folder.path / "slack-url"), events=("site", "pool"))
    assert alertmanager == SinkSettings("alertmanager", url="http://127.0.0.1:9093")
    ca = str(folder.path / "ca.pem")
    assert generic == SinkSettings(
        "generic", url="https://hooks.example.com/x?y=1", token_file="/run/token", ca=ca, events=("drain",)
    )
    assert "hooks" not in repr(generic)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[{type: mail, url: 'http://h/'}]", "notify.0.type: must be generic, slack or alertmanager"),
        ("[{type: slack}]", "notify.0: needs either `url` or `url_file`"),
        ("[{type: slack, url: 'http://h/', url_file: x}]", "notify.0: needs either `url` or `url_file`"),
        ("[{type: slack, url: 'ftp://h/'}]", "notify.0.url: must be a URL such as https://"),
        ("[{type: slack, url: 'https://u:hush@h/'}]", "notify.0.url: must be a URL such as https://"),
        ("[{type: slack, url: 'https://h:x/hush'}]", "notify.0.url: must be a URL such as https://"),
        ("[{type: slack, url: 'https://h/ hush'}]", "notify.0.url: must be a URL such as https://"),
        ("[{type: slack, url: 'https://h/', events: [sites]}]", "notify.0.events.0: must be site, pool"),
        ("[{type: slack, url: 'https://h/', events: []}]", "notify.0.events:"),
        (f"[{', '.join(17 * ['{type: slack, url: https://h/}'])}]", "notify: has more than 16 entries"),
    ],
)
def test_faults_never_quote_what_may_be_a_secret(folder: Folder, text: str, fault: str) -> None:
    [found] = folder.problems(node=f"{NODE}notify: {text}\n")
    assert fault in found
    assert "hush" not in found
