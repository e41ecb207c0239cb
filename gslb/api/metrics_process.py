"""What the processes of a node take from the machine, read from /proc: processor time, memory, open files."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Final, NamedTuple

from gslb.api.families import Family, Sample, labelled

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_USER, _SYSTEM, _THREADS = 11, 12, 17  # fields of /proc/PID/stat behind the name: proc(5) 14, 15, 20


class Usage(NamedTuple):
    """Seconds of processor time, octets of memory, files that are open and that may be, threads."""

    cpu: float
    resident: int
    open_files: int
    most_files: float
    threads: int


def usage(pid: int, proc: Path = Path("/proc")) -> Usage | None:
    """What a process has taken; None where it is gone, or not ours to look at."""
    folder = proc / str(pid)
    with suppress(OSError, IndexError, ValueError):
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        pages = int((folder / "statm").read_text().split()[1])
        files = len(os.listdir(folder / "fd"))  # noqa: PTH208 - a count, no paths
        cpu = (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS
        limits = (folder / "limits").read_text().splitlines()
        most = next(line.split()[3] for line in limits if line.startswith("Max open files"))
        return Usage(cpu, pages * _PAGE, files, _number(most), int(fields[_THREADS]))
    return None


def process_families(processes: Iterable[tuple[str, str, int]]) -> Iterator[Family]:
    """Of (process, slot, pid): the control process and the workers."""
    found = [
        (labelled(process=process, slot=slot), one)
        for process, slot, pid in processes
        if (one := usage(pid)) is not None
    ]
    families = (
        ("process_cpu_seconds", "counter", "Processor time that a process took.", "cpu"),
        ("process_resident_memory_bytes", "gauge", "Memory that a process holds.", "resident"),
        ("process_open_fds", "gauge", "Files and sockets that a process holds open.", "open_files"),
        ("process_max_fds", "gauge", "How many it may hold open.", "most_files"),
        ("process_threads", "gauge", "Threads of a process.", "threads"),
    )
    for name, kind, text, field in families:
        yield Family(name, kind, text, [Sample(place, getattr(one, field)) for place, one in found])


def _number(text: str) -> float:
    return inf if text == "unlimited" else float(text)
