"""`gslb serve`: one process or several, and clear words where it cannot."""

import signal
from pathlib import Path

import dns.message
import dns.query
import pytest

BAD = "zones:\n  gslb.example.com: {names: {www: {pool: web}}}\n"


def ask(port: int) -> str:
    query = dns.message.make_query("www.gslb.example.com", "A")
    return dns.query.udp(query, "127.0.0.1", port=port, timeout=3).answer[0].name.to_text()


@pytest.mark.e2e
@pytest.mark.parametrize("workers", [0, 2])
def test_it_answers_until_sigterm(workers: int, tmp_path: Path, write_node, start_gslb, free_port, eventually) -> None:
    port, api = free_port(), free_port()
    config = write_node(tmp_path, port, api, workers=workers)
    process = start_gslb("serve", "--config", config)

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "gslb-0.log").read_text()
        try:
            return ask(port) == "www.gslb.example.com."
        except (dns.exception.Timeout, OSError, IndexError):
            return False

    eventually(answers, 20)
    assert (tmp_path / "state" / "token").stat().st_mode & 0o777 == 0o600
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


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
