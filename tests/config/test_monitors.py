import pytest

from gslb.probe.http import HttpMonitor
from gslb.probe.tcp import TcpMonitor
from tests.config.conftest import Folder

POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"


def build(folder: Folder, text: str) -> HttpMonitor | TcpMonitor:
    monitor = folder.load(monitors=f"web: {text}", pools=POOL).monitors["web"]
    assert isinstance(monitor, (HttpMonitor, TcpMonitor))
    return monitor


def faults(folder: Folder, text: str) -> list[str]:
    return folder.messages(monitors=f"web: {text}", pools=POOL)


def test_http_defaults(folder: Folder) -> None:
    assert build(folder, "{type: http}") == HttpMonitor(name="web", port=80)


def test_https_has_its_own_port(folder: Folder) -> None:
    assert build(folder, "{type: http, scheme: https}").port == 443


def test_every_key_of_http(folder: Folder) -> None:
    folder.write("zones/ca.pem", "certificate")
    text = """
  type: http
  scheme: https
  port: 8443
  method: POST
  path: /x?y=1
  headers: {X-Probe: gslb}
  body: "{}"
  host: www.example.com
  sni: other.example.com
  ca: ca.pem
  interval: 1s
  timeout: 500ms
  fall: 2
  rise: 4
  jitter: 20%
  flaky: 0.25
  min_votes: 1
  self_vote: false
  expect: {status: [200, 204], body: ok, regex: "o+k", json: {a.b: 1, c: null, d: "x"}}
"""
    assert build(folder, text) == HttpMonitor(
        name="web",
        port=8443,
        interval=1.0,
        timeout=0.5,
        fall=2,
        rise=4,
        jitter=0.2,
        flaky=0.25,
        min_votes=1,
        self_vote=False,
        scheme="https",
        method="POST",
        path="/x?y=1",
        headers=(("X-Probe", "gslb"),),
        body="{}",
        host="www.example.com",
        sni="other.example.com",
        ca=str(folder.path / "zones" / "ca.pem"),
        status=(200, 204),
        contains="ok",
        regex="o+k",
        json=(("a.b", 1), ("c", None), ("d", "x")),
    )


def test_every_key_of_tcp(folder: Folder) -> None:
    monitor = build(folder, '{type: tcp, port: 25, send: "QUIT\\r\\n", expect: "220 "}')
    assert monitor == TcpMonitor(name="web", port=25, send=b"QUIT\r\n", expect=b"220 ")


def test_the_default_timeout_is_at_most_the_interval(folder: Folder) -> None:
    assert build(folder, "{type: http, interval: 1s}").timeout == 1.0
    assert build(folder, "{type: http, interval: 10s}").timeout == 2.0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{type: htp}", "monitors.web.type: is not a type of monitor (got 'htp') (did you mean http or tcp?)"),
        ("{type: [http]}", "monitors.web.type: is not a type of monitor (got ['http'])"),
        ("{port: 80}", "monitors.web.type: is required"),
        ("[x]", "monitors.web: must be a mapping (got a list)"),
        ("{type: tcp}", "monitors.web.port: is required"),
        (
            "{type: http, interval: 1s, timeout: 2s}",
            "monitors.web.timeout: must be at most the interval, 1 s (got 2 s)",
        ),
        ("{type: http, sni: a}", "monitors.web.sni: is for https alone"),
        ("{type: http, verify: false}", "monitors.web.verify: is for https alone"),
        ("{type: http, scheme: https, ca: gone.pem}", "monitors.web.ca: "),
        ("{type: http, expect: {regex: '['}}", "monitors.web.expect.regex: is not a regular expression"),
        ("{type: http, expect: {regex: '[[a]'}}", "monitors.web.expect.regex: is not a regular expression"),
        ("{type: http, headers: {Host: a}}", "monitors.web.headers.Host: is set by the probe (give `host` instead)"),
    ],
)
def test_faults(folder: Folder, text: str, fault: str) -> None:
    assert any(line.startswith(fault) for line in faults(folder, text)), faults(folder, text)


def test_a_certificate_authority_that_is_not_used(folder: Folder) -> None:
    folder.write("zones/ca.pem", "certificate")
    text = "{type: http, scheme: https, ca: ca.pem, verify: false}"
    assert faults(folder, text) == ["monitors.web.ca: is not used with verify: false (leave one of them out)"]


def test_the_name_must_fit_a_target(folder: Folder) -> None:
    assert folder.messages(monitors="a/b: {type: http}", pools=POOL.replace("[web]", '["a/b"]'))[0].startswith(
        "monitors.a/b: a name is"
    )


THREE = "n1: {site: tokyo}\nn2: {site: osaka}\nn3: {site: osaka}"


@pytest.mark.parametrize(
    ("text", "probers", "votes"),
    [("", 0, 1), ("", 1, 1), ("", 2, 1), ("", 3, 2), (", min_votes: 1", 3, 1), (", min_votes: 3", 3, 3)],
)
def test_votes_that_a_verdict_needs(folder: Folder, text: str, probers: int, votes: int) -> None:
    sections = {"probers": "\n".join(THREE.split("\n")[:probers])} if probers else {}
    config = folder.load(monitors=f"web: {{type: tcp, port: 22{text}}}", pools=POOL, **sections)
    assert (config.monitors["web"].min_votes, config.monitors["web"].self_vote) == (votes, True)


def test_more_votes_than_probers(folder: Folder) -> None:
    fault = "monitors.web.min_votes: must be at most the number of probers, 1 (got 2)"
    assert faults(folder, "{type: http, min_votes: 2}")[0].startswith(fault)
    [found] = folder.messages(monitors="web: {type: http, min_votes: 4}", pools=POOL, probers=THREE)
    assert found.startswith("monitors.web.min_votes: must be at most the number of probers, 3 (got 4)")


def test_probers_in_a_file_that_cannot_be_read_are_not_missing(folder: Folder) -> None:
    folder.write_all(monitors="web: {type: http, min_votes: 2}", pools=POOL)
    folder.write("zones/b.yaml", "probers: {n1: {site: tokyo}")
    [found] = folder.problems()
    assert found.startswith("zones/b.yaml:")
