"""Ports that tests hand to servers: two of the processes that run tests never get the same one."""

import os
import random
import socket

# Below the range from which clients get theirs (ip_local_port_range): a client's connection that waits in TIME_WAIT on
# the port would keep a server from binding there for a minute.
_FIRST, _LAST = 12_000, 32_000
_SHARES = 8  # of the range; pytest-xdist names its processes gw0, gw1, ...

_handed: set[int] = set()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that is free for UDP and TCP at the address, and not handed out before."""
    size = (_LAST - _FIRST) // _SHARES
    first = _FIRST + size * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _SHARES)
    while True:
        port = random.randrange(first, first + size)
        if port not in _handed and _binds(address, port):
            _handed.add(port)
            return port


def _binds(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
        try:
            tcp.bind((address, port))
            udp.bind((address, port))
        except OSError:
            return False
    return True
