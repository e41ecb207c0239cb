"""The `http` monitor beside a real nginx: what it serves, refuses and redirects, and what is slow."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gslb.probe.http import HttpMonitor, check
from tests.ports import free_port

PATH = f"{os.environ['PATH']}:/usr/sbin"
_CONFIG = """daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  default_type application/json;
  server {{
    listen 127.0.0.1:{port};
    location /api {{ return 200 '{{"jsonrpc":"2.0","result":"6.0.0","id":1}}'; }}
    location /broken {{ return 200 '{{"jsonrpc":"2.0","error":{{"code":-32500}},"id":1}}'; }}
    location /moved {{ return 302 http://169.254.169.254/latest/; }}
    location /down {{ return 503; }}
    location /slow {{ root {folder}; limit_rate 50; }}
    location /closed {{ return 444; }}
  }}
}}
"""


class Nginx:
    """One server."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "slow").write_text("x" * 5000)
        (folder / "nginx.conf").write_text(_CONFIG.format(folder=folder, port=self.port))
        program = shutil.which("nginx", path=PATH)
        assert program, "nginx is missing: apt-get install nginx-light"
        argv = [program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        self.process = subprocess.Popen(argv)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError((folder / "error.log").read_text())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    server = Nginx(folder)
    yield server
    server.stop()


def monitor(nginx: Nginx, path: str) -> HttpMonitor:
    return HttpMonitor("web", nginx.port, path=path, timeout=0.5, contains=None if path == "/moved" else '"result"')


@pytest.mark.parametrize(
    ("path", "ok", "reason", "detail"),
    [
        ("/api", True, "", ""),
        ("/broken", False, "body", "octets without"),
        ("/moved", False, "status", "302, expected 200"),
        ("/down", False, "status", "503, expected 200"),
        ("/nothing", False, "status", "404, expected 200"),
        ("/closed", False, "protocol", ""),
        ("/slow", False, "timeout", "within 0.5 s"),
    ],
)
async def test_what_nginx_answers(nginx: Nginx, path: str, ok: bool, reason: str, detail: str) -> None:
    result = await check(monitor(nginx, path), "127.0.0.1")
    assert (result.ok, result.reason) == (ok, reason), result
    assert detail in result.detail


async def test_a_stopped_nginx_refuses(tmp_path: Path) -> None:
    server = Nginx(tmp_path)
    assert (await check(monitor(server, "/api"), "127.0.0.1")).ok
    server.stop()
    await asyncio.sleep(0.05)
    assert (await check(monitor(server, "/api"), "127.0.0.1")).reason == "refused"
