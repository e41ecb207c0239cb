"""`gslb events` against a running node, and its streams against servers that break them."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from gslb.cli import events as verb
from gslb.cli.client import Client
from gslb.errors import GslbError, UnauthorizedError
from tests.conftest import ENVIRONMENT


def test_the_newest_stand_last(ask) -> None:
    code, out, _ = ask("events", "--since", "1h", "--site", "tokyo")
    assert (code, "absent -> up" in out, "osaka" in out) == (0, True, False)
    found = json.loads(ask("events", "--limit", "3", "--json")[1])["events"]
    assert [one["id"] for one in found] == sorted(one["id"] for one in found)
    assert len(found) == 3
    assert ask("events", "--since", "then")[0] == 2


def test_following_tells_what_happens(node, ask) -> None:
    argv = [sys.executable, "-m", "gslb.cli.main", "events", "-f", "--json", "--limit", "1", "--config", node.config]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout
        try:
            first = json.loads(process.stdout.readline())
            assert ask("drain", "site/osaka", "--reason", "followed")[0] == 0
            second = json.loads(process.stdout.readline())
        finally:
            process.terminate()
    assert ask("undrain", "site/osaka")[0] == 0
    assert second["id"] > first["id"]
    assert (second["member"], second["after"], "followed" in second["cause"]) == ("osaka", "down", True)


def event(number: int) -> bytes:
    return f'id: {number}\ndata: {{"id": {number}}}\n\n'.encode()


@pytest.fixture
def server() -> Iterator[Callable[..., tuple[Client, list[str]]]]:
    """`server(body, body)` answers so many requests with these streams, each cut after its end; what it was asked."""
    sock = socket.create_server(("127.0.0.1", 0))
    asked: list[str] = []

    def serve(bodies: tuple[bytes, ...], status: str) -> None:
        for body in bodies:
            connection, _ = sock.accept()
            with connection:
                asked.append(connection.recv(65536).decode())
                connection.sendall(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode() + body)

    def start(*bodies: bytes, status: str = "200 OK") -> tuple[Client, list[str]]:
        threading.Thread(target=serve, args=(bodies, status), daemon=True).start()
        return Client("http", "127.0.0.1", sock.getsockname()[1], "t", "a file"), asked

    yield start
    sock.close()


def test_a_stream_that_breaks_is_taken_up_where_it_was(server, monkeypatch) -> None:
    monkeypatch.setattr(verb, "AGAIN", 0.01)
    client, asked = server(b"retry: 2000\n\n" + event(7) + b": still here\n\n", event(8) + event(9))
    assert [one["id"] for one in islice(verb.followed(client, {"site": "tokyo"}, 6), 3)] == [7, 8, 9]
    assert ["Last-Event-ID: 6" in asked[0], "Last-Event-ID: 7" in asked[1]] == [True, True]
    assert asked[0].startswith("GET /api/v1/events?site=tokyo ")


def test_a_gap_is_told(server, capsys: pytest.CaptureFixture[str]) -> None:
    client, _ = server(b"event: gap\ndata: {}\n\n" + event(50))
    assert next(verb.followed(client, {}, 1))["id"] == 50
    assert "no longer kept" in capsys.readouterr().err


def test_what_is_refused_at_first_is_an_error(server, free_port) -> None:
    client, _ = server(b'{"detail": "no such token"}', status="401 Unauthorized")
    with pytest.raises(UnauthorizedError, match="no such token"):
        next(verb.followed(client, {}, None))
    with pytest.raises(GslbError, match="no node answers"):
        next(verb.followed(client._replace(port=free_port()), {}, None))


def test_lines_for_people_are_whole_when_a_pipe_reads_them(node) -> None:
    """Nothing waits in a buffer: who follows by `grep` sees each event at once."""
    read, write = os.pipe()
    argv = [sys.executable, "-m", "gslb.cli.main", "events", "-f", "--limit", "1", "--config", node.config]
    with subprocess.Popen(argv, stdout=write, env=ENVIRONMENT) as process:
        os.close(write)
        with os.fdopen(read) as lines:
            line = lines.readline()
        process.terminate()
    assert "web" in line
