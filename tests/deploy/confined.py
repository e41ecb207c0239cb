"""python -m tests.deploy.confined UNIT COMMAND...: run it under the system call filter of a unit, as systemd would.

Also without new privileges, and without memory that can be written and executed, where the kernel knows how to.
"""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

_ALLOW, _EPERM = 0x7FFF0000, 0x00050001  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM)
_NO_NEW_PRIVILEGES, _NO_WRITE_AND_EXECUTE = 38, 65  # prctl(2)


def allowed(unit: str) -> set[str]:
    """The system calls that a unit's SystemCallFilter lines leave."""
    found: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        words = line.removeprefix("~").split()
        named = {call for word in words for call in ([word] if word[0] != "@" else members(word))}
        found = found - named if line.startswith("~") else found | named
    return found | members("@default")


def members(group: str) -> set[str]:
    """The system calls of a group, and of the groups in it."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    lines = [line.strip() for line in text.stdout.splitlines()[1:]]
    direct = {line for line in lines if line and line[0] not in "#@"}
    return direct.union(*(members(line) for line in lines if line.startswith("@")))


def confine(calls: set[str]) -> None:
    """Allow these system calls, and refuse all others to this process and to those that it starts."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(_EPERM))
    for call in calls:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # others are of other machines
            assert library.seccomp_rule_add(context, _ALLOW, number, 0) == 0
    libc = ctypes.CDLL(None)
    assert libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    libc.prctl(_NO_WRITE_AND_EXECUTE, 1, 0, 0, 0)
    assert library.seccomp_load(context) == 0


if __name__ == "__main__":
    confine(allowed(Path(sys.argv[1]).read_text()))

    os.execvp(sys.argv[2], sys.argv[2:])
