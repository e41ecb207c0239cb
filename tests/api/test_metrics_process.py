"""Figures of real processes, beside what the kernel tells of this one."""

import os
import resource
import subprocess
import sys
from pathlib import Path

from gslb.api.metrics_process import process_families, usage


def test_the_figures_of_this_process() -> None:
    seen = usage(os.getpid())
    assert seen is not None
    spent = resource.getrusage(resource.RUSAGE_SELF)
    assert abs(seen.cpu - spent.ru_utime - spent.ru_stime) < 0.2
    assert 10 << 20 < seen.resident <= (spent.ru_maxrss << 10) + (1 << 20)
    with Path("/dev/null").open():
        more = usage(os.getpid())
    assert more is not None
    assert more.open_files == seen.open_files + 1
    assert seen.most_files == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert seen.threads >= 1


def test_a_process_that_is_gone_has_none() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert usage(child.pid) is None
    families = list(process_families([("control", "", os.getpid()), ("worker", "0", child.pid)]))
    assert [family.name for family in families][:2] == ["process_cpu_seconds", "process_resident_memory_bytes"]
    for family in families:
        assert [sample.labels for sample in family.samples] == ['{process="control",slot=""}']


def test_a_limit_may_be_none(tmp_path: Path) -> None:
    folder = tmp_path / "7"
    (folder / "fd").mkdir(parents=True)
    (folder / "stat").write_text("7 (a b) S " + "0 " * 30)
    (folder / "statm").write_text("9 3 1")
    (folder / "limits").write_text(
        "Limit Soft Hard\nMax open files            unlimited            unlimited   files\n"
    )
    seen = usage(7, tmp_path)
    assert seen is not None
    assert seen.most_files == float("inf")
