"""How much memory a process has, as the kernel counts it."""

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGESIZE")


def resident(pid: int | str = "self") -> int:
    """Octets of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
