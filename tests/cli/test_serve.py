"""`gslb serve`: one process or several, and clear words where it cannot."""

import json
import signal
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

BAD = "zones:\n  gslb.example.com: {names: {www: {pool: web}}}\n"


def answers(port: int) -> bool:
    """Whether a node on this port answers for the test's name."""
    query = dns.message.make_query("www.gslb.example.com", "A")
    try:
        return bool(dns.query.udp(query, "127.0.0.1", port=port, timeout=0.5).answer)
    except (dns.exception.Timeout, OSError):
        return False


@pytest.mark.e2e
@pytest.mark.parametrize("workers", [0, 2])
def test_it_answers_until_sigterm(workers: int, tmp_path: Path, write_node, start_gslb, free_port, eventually) -> None:
    port, api = free_port(), free_port()
    config = write_node(tmp_path, port, api, workers=workers)
    process = start_gslb("serve", "--config", config)
    eventually(lambda: process.poll() is not None or answers(port), 20)
    assert process.poll() is None, (tmp_path / "gslb-0.log").read_text()
    assert (tmp_path / "state" / "token").stat().st_mode & 0o777 == 0o600
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.e2e
@pytest.mark.parametrize("workers", [0, 2])
def test_every_process_writes_one_event_a_line(
    workers: int, tmp_path: Path, write_node, start_gslb, free_port, eventually
) -> None:
    port = free_port()
    config = Path(write_node(tmp_path, port, free_port(), workers=workers))
    config.write_text(config.read_text() + "log: {format: json, queries: 1/1}\n")
    process = start_gslb("serve", "--config", str(config))
    eventually(lambda: process.poll() is not None or answers(port), 20)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    events = [json.loads(line) for line in (tmp_path / "gslb-0.log").read_text().splitlines()]
    assert {"gslb.query", "gslb.api", "gslb.supervisor" if workers else "gslb.control"} <= {e["logger"] for e in events}
    (asked,) = [event for event in events if event["logger"] == "gslb.query" and event["rcode"] == "NOERROR"][-1:]
    assert (asked["name"], asked["type"], asked["client"]) == ("www.gslb.example.com.", "A", "127.0.0.1")


@pytest.mark.e2e
def test_a_second_one_on_the_same_state_is_refused(node, run_gslb) -> None:
    done = run_gslb("serve", "--config", node.config)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(node.process.pid) in done.stderr


@pytest.mark.e2e
@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_configuration_without_a_snapshot_ends_it(
    workers: int, tmp_path: Path, write_node, run_gslb, free_port
) -> None:
    config = write_node(tmp_path, free_port(), free_port(), workers=workers, zone=BAD)
    done = run_gslb("serve", "--config", config)
    assert done.returncode == 1
    assert "zone.yaml:2:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_node_file(tmp_path: Path, run_gslb) -> None:
    (tmp_path / "gslb.yaml").write_text("node: {nam: x}\n")
    done = run_gslb("serve", "--config", str(tmp_path / "gslb.yaml"))
    assert done.returncode == 1
    assert "gslb.yaml:1:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.e2e
def test_a_bad_configuration_with_a_snapshot_keeps_the_old_answers(
    tmp_path: Path, write_node, start_gslb, free_port, eventually
) -> None:
    port, api = free_port(), free_port()
    config = write_node(tmp_path, port, api, workers=1)
    first = start_gslb("serve", "--config", config)
    eventually(lambda: answers(port), 20)
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0
    write_node(tmp_path, port, api, workers=1, zone=BAD)
    second = start_gslb("serve", "--config", config)
    eventually(lambda: answers(port), 20)
    eventually(lambda: "zone.yaml:2:" in (tmp_path / "gslb-1.log").read_text(), 20)
    assert answers(port)
    assert second.poll() is None
