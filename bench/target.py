"""The web server that probes ask: nginx, for one in Python would keep the client from its core."""

import subprocess
from pathlib import Path

from bench.server import CLIENT_CPU, PATH

_CONFIG = """daemon off;
master_process off;
pid {folder}/nginx-{port}-{address}.pid;
error_log {folder}/nginx.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_timeout 0;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen {address}:{port} backlog=4096; location / {{ return 200 "ok"; }} }}
}}
"""


def start(folder: Path, port: int, address: str = "0.0.0.0") -> "subprocess.Popen[bytes]":
    """A server that says 200 on an address of loopback, or on all. On the client's core it runs when nobody else does.

    What probes and queries do to each other is measured on the core of the node, not on this one.
    """
    config = folder / f"nginx-{port}-{address}.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, address=address))
    argv = [
        "taskset",
        "-c",
        CLIENT_CPU,
        "chrt",
        "-i",
        "0",
        "nginx",
        "-c",
        str(config),
        "-e",
        str(folder / "nginx.log"),
    ]
    return subprocess.Popen(argv, env={"PATH": PATH})
