"""How tests end a process that they started."""

import subprocess
from typing import Any


def terminate(process: "subprocess.Popen[Any]", seconds: float = 10) -> None:
    """In order, or else at once; returns when it is gone."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
