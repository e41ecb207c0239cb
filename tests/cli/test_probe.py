"""`gslb probe` against real servers, by name and before anything is configured."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gslb.cli.main import main

ZONES = """\
sites: {{tokyo: {{}}, osaka: {{}}}}
monitors:
  web: {{type: http, port: {port}, timeout: 1s}}
  other: {{type: tcp, port: {port}}}
  agent: {{type: push}}
pools:
  web:
    monitors: [web]
    members:
      tokyo: {{site: tokyo, addresses: [127.0.0.11]}}
      osaka: {{site: osaka, addresses: [127.0.0.12]}}
  rest:
    monitors: [other]
    members:
      tokyo: {{site: tokyo, addresses: [127.0.0.13]}}
zones:
  gslb.example.com:
    soa: {{mname: ns1, rname: hostmaster.example.com., serial: 1}}
    ns: [ns1]
    records: {{ns1: {{A: [192.0.2.53]}}}}
    names: {{www: {{pool: web}}, rest: {{pool: rest}}}}
"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 500)
        self.end_headers()
        self.wfile.write(b"fine\n\x1b[2J" + b"x" * 5000)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A web server on 127.0.0.11 alone."""
    server = http.server.ThreadingHTTPServer(("127.0.0.11", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def config(tmp_path: Path, write_node: Callable[..., str], port: int) -> str:
    path = Path(write_node(tmp_path, 5300, 8053, zone=ZONES.format(port=port)))
    path.write_text(path.read_text() + "probe: {allow: [127.0.0.0/8], deny: [127.0.0.99], ports: {deny: [1]}}\n")
    return str(path)


def test_a_configured_monitor(config: str, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "web", "127.0.0.11", "--config", config]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"127.0.0.11 port {port}: up after ")
    assert [line.split()[2] for line in lines[1:]] == ["connected", "answer", "body"]
    assert lines[1].endswith(f"127.0.0.11 port {port}")
    assert "HTTP/1.0 200 OK, 2 headers" in lines[2]
    assert r"fine\n\x1b[2Jxxx" in lines[3]
    assert lines[3].count("x") < 200


def test_a_definition_before_it_is_configured(config: str, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    for definition in (f"type: http, port: {port}, path: /no", f"type=http port={port} path=/no"):
        assert main(["probe", definition, "127.0.0.11", "--config", config]) == 1
        printed = capsys.readouterr().out
        assert "down after" in printed
        assert "status: 500, expected 200" in printed
        assert "fine" in printed
    assert main(["probe", f"type: tcp, port: {port}", "rest/tokyo", "--config", config]) == 1
    assert "127.0.0.13" in capsys.readouterr().out


def test_targets_of_the_configuration(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    def probed(target: str) -> dict[str, str]:
        main(["probe", "web", target, "--config", config, "--json"])
        return {one["address"]: one["verdict"] for one in json.loads(capsys.readouterr().out)["probes"]}

    assert probed("web/tokyo") == {"127.0.0.11": "up"}
    assert probed("member/web/osaka") == {"127.0.0.12": "down"}
    assert probed("pool/web") == {"127.0.0.11": "up", "127.0.0.12": "down"}
    assert probed("site/tokyo") == {"127.0.0.11": "up"}, "the pool `rest` does not use the monitor"
    assert probed("rest/tokyo") == {"127.0.0.13": "down"}


def test_json(config: str, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "web", "site/osaka", "--config", config, "--json"]) == 1
    view = json.loads(capsys.readouterr().out)
    assert (view["monitor"], view["type"]) == ("web", "http")
    [one] = view["probes"]
    assert one.pop("seconds") > 0
    assert one == {
        "address": "127.0.0.12",
        "port": port,
        "verdict": "down",
        "reason": "refused",
        "detail": one["detail"],
        "tls_days": None,
        "error": "",
        "stages": [],
    }


@pytest.mark.parametrize(
    ("monitor", "target", "message"),
    [
        ("wbe", "127.0.0.11", "no monitor 'wbe'"),
        ("agent", "127.0.0.11", "asks nobody"),
        ("web", "127.0.0.99", "in 127.0.0.99/32 of probe.deny"),
        ("web", "169.254.169.254", "metadata service"),
        ("web", "64:ff9b::a9fe:a9fe", "metadata service"),
        ("web", "2130706433", "must be an IPv4 or IPv6 address"),
        ("web", "localhost", "must be an IPv4 or IPv6 address"),
        ("web", "web/kyoto", "no member/web/kyoto"),
        ("web", "site/kyoto", "no site/kyoto"),
        ("type: tcp, port: 1", "127.0.0.11", "port 1 must not be probed"),
        ("type: tcp, port: 0", "127.0.0.11", "must be at least 1"),
        ("type: htp", "127.0.0.11", "did you mean http"),
        ("type: tcp, port: 2}, more: {type: tcp", "127.0.0.11", "is not"),
        ("type=tcp 'port=2", "127.0.0.11", "no closing quotation"),
    ],
)
def test_a_probe_that_cannot_be_made(config: str, monitor: str, target: str, message: str, capsys) -> None:
    assert main(["probe", monitor, target, "--config", config]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err


def test_without_a_node_file_the_defaults_hold(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GSLB_CONFIG", raising=False)
    assert main(["probe", "type: tcp, port: 7", "127.0.0.11"]) == 2
    assert "it is a loopback address" in capsys.readouterr().err
    assert main(["probe", "web", "127.0.0.11"]) == 2
    assert "no node file" in capsys.readouterr().err
