"""The control process as a real process, alone (`workers: 0`) and beside workers; and what keeps it from starting."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import aiohttp
import dns.exception
import dns.message
import dns.query
import pytest

from gslb.api.main import CANNOT_START, main
from gslb.server.state import StateFolder
from gslb.table.snapshot import load_base, load_leaves
from tests.conftest import ENVIRONMENT
from tests.whole_node import Node

Start = Callable[[], "Process"]
STOP_SECONDS = 8


class Process:
    """One control process."""

    def __init__(self, node: Node) -> None:
        self.node = node
        argv = [sys.executable, "-m", "gslb.api.main", "--config", node.path]
        self.popen = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)

    def get(self, path: str) -> object:
        """One API document; raises URLError until the API is there."""
        request = Request(self.node.api + path, headers={"Authorization": f"Bearer {self.node.token}"})
        with urlopen(request, timeout=2) as response:
            return json.load(response)

    def ready(self) -> bool:
        """Whether it serves and is fresh."""
        try:
            return self.get("/readyz") == {"serving": True, "fresh": True}
        except (URLError, OSError):
            return False

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to this process."""
        os.kill(self.popen.pid, signum)

    def end(self) -> tuple[int, str]:
        """SIGTERM; the exit code and what it said."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """The exit code and what it said."""
        _, said = self.popen.communicate(timeout=STOP_SECONDS)
        return self.popen.returncode, said


@pytest.fixture
def start(stopped_node: Node) -> Iterator[Start]:
    started: list[Process] = []

    def begin() -> Process:
        started.append(Process(stopped_node))
        return started[-1]

    yield begin
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.communicate()


def alone(node: Node) -> None:
    """No monitors: the sites of the fixture live in this test's loop, which these tests block."""
    node.write_zones(node.zones.replace("    monitors: [web]\n", ""))


def ask(node: Node) -> dns.message.Message:
    query = dns.message.make_query("www.gslb.example.com.", "A")
    return dns.query.udp(query, "127.0.0.1", 2.0, node.dns_port)


def edit(node: Node, old: str, new: str) -> None:
    file = Path(node.path)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


async def test_a_whole_node_in_one_process(stopped_node: Node, start: Start, eventually: Callable[..., None]) -> None:
    alone(stopped_node)
    process = start()
    eventually(process.ready)
    assert ask(stopped_node).answer
    stopped_node.write_zones(stopped_node.zones.replace("ttl: 30", "ttl: 45"))
    process.signal(signal.SIGHUP)
    eventually(lambda: ask(stopped_node).answer[0].ttl == 45)
    code, said = process.end()
    assert code == 0
    assert "serving on 127.0.0.1 port" in said
    assert "API on 127.0.0.1 port" in said
    assert "reloaded: configuration" in said
    assert stopped_node.token not in said


def test_a_prober_without_dns(stopped_node: Node, start: Start, eventually: Callable[..., None]) -> None:
    file = Path(stopped_node.path)
    text = file.read_text().replace("workers: 0\n", "").replace("roles: [dns, probe, api]", "roles: [probe, api]")
    file.write_text(re.sub(r"dns: \[[^]]*\], ", "", text))
    process = start()
    eventually(process.ready)
    with pytest.raises((dns.exception.Timeout, OSError)):
        ask(stopped_node)
    status = process.get("/api/v1/status")
    assert isinstance(status, dict)
    assert (status["serving"], status["workers"]) == (True, [])
    assert [prober["name"] for prober in status["probers"]] == ["tokyo-1"]
    assert process.end()[0] == 0


async def test_ctrl_c_ends_a_whole_node(stopped_node: Node, start: Start, eventually: Callable[..., None]) -> None:
    alone(stopped_node)
    process = start()
    eventually(process.ready)
    process.signal(signal.SIGINT)
    assert process.wait()[0] == 0


async def test_beside_workers_it_publishes_and_leaves_ctrl_c_to_the_supervisor(
    stopped_node: Node, start: Start, eventually: Callable[..., None]
) -> None:
    alone(stopped_node)
    edit(stopped_node, "workers: 0", "workers: 2")
    process = start()
    eventually((stopped_node.folder / "state" / "gslb.sqlite").exists)
    state = StateFolder(stopped_node.folder / "state")
    eventually(lambda: state.newest() is not None)
    process.signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.popen.wait(0.3)
    generation, _ = state.newest() or (0, 0)
    base, leaves = load_base(state.read_base(generation).payload), load_leaves(state.read_leaves(generation).payload)
    assert base.digest == leaves.base_digest
    assert process.end()[0] == 0


def test_a_bad_configuration(stopped_node: Node, start: Start) -> None:
    stopped_node.write_zones(stopped_node.zones.replace("weight: 60", "weight: -1").replace("fall: 2", "fall: 0"))
    code, said = start().wait()
    assert code == CANNOT_START == 78
    assert said.count("test.yaml:") == 2
    assert "Traceback" not in said


def test_a_location_database_that_is_missing(stopped_node: Node, start: Start) -> None:
    edit(stopped_node, "workers: 0", "workers: 0\ngeo: {databases: [missing.mmdb]}")
    code, said = start().wait()
    assert code == CANNOT_START
    assert "missing.mmdb" in said


def test_an_address_that_is_taken(stopped_node: Node, start: Start) -> None:
    alone(stopped_node)
    port = int(stopped_node.api.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        code, said = start().wait()
    assert code == CANNOT_START
    assert f"API address 127.0.0.1 port {port}" in said
    assert "change listen.api" in said


def test_a_second_node_on_the_same_state(stopped_node: Node, start: Start, eventually: Callable[..., None]) -> None:
    alone(stopped_node)
    first = start()
    eventually(first.ready)
    code, said = start().wait()
    assert code == CANNOT_START
    assert f"in use by process {first.popen.pid}" in said
    assert ask(stopped_node).answer


def test_without_an_api(stopped_node: Node, start: Start, eventually: Callable[..., None]) -> None:
    alone(stopped_node)
    text = Path(stopped_node.path).read_text()
    edit(stopped_node, text[text.index(", api:") : text.index("}", text.index(", api:"))], "")
    process = start()

    def answers() -> bool:
        try:
            return bool(ask(stopped_node).answer)
        except (OSError, dns.query.UnexpectedSource, dns.exception.Timeout):
            return False

    eventually(answers)
    assert not (stopped_node.folder / "state" / "token").exists()
    assert process.end()[0] == 0


async def test_with_workers_a_drain_holds_on_all_of_them_and_over_every_restart(
    stopped_node: Node, start_gslb: Callable[..., subprocess.Popen[str]]
) -> None:
    node = stopped_node
    edit(node, "workers: 0", "workers: 2")
    supervisor = start_gslb("serve", "--config", node.path)
    await node.until(lambda: both_serve(node), 10)
    await node.until_served("tokyo", "osaka")
    code, made = await node.call("POST", "/api/v1/drains", {"target": "site/osaka", "for": "10m", "reason": "test"})
    assert (code, made["acknowledged"]) == (201, True)
    assert await node.served(100) == {"tokyo"}
    before = await pids(node)
    run = StateFolder(node.folder / "state").read_run()
    for pid, _ in (*run["control"], *run["workers"]):
        os.kill(pid, signal.SIGKILL)

    async def all_new() -> bool:
        return await both_serve(node) and not before & await pids(node)

    await node.until(all_new, 15)
    assert await node.served(100) == {"tokyo"}
    supervisor.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(supervisor.wait, 10) == 0
    start_gslb("serve", "--config", node.path)
    await node.until(lambda: both_serve(node), 15)
    assert await node.served(100) == {"tokyo"}
    assert (await node.call("DELETE", f"/api/v1/drains/{made['id']}"))[1]["acknowledged"] is True
    assert await node.served(100) == {"tokyo", "osaka"}


async def both_serve(node: Node) -> bool:
    try:
        _, view = await node.call("GET", "/api/v1/status")
    except aiohttp.ClientError:
        return False
    workers = [worker for worker in view["workers"] if worker["alive"] and worker["state"] == "serving"]
    return len(workers) == 2 and bool(view["fresh"])


async def pids(node: Node) -> set[int]:
    return {worker["pid"] for worker in (await node.call("GET", "/api/v1/status"))[1]["workers"]}


@pytest.mark.parametrize("arguments", [[], ["--config"], ["gslb.yaml"], ["--conf", "x"]])
def test_misuse(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: " in capsys.readouterr().err
