"""Programs that answer well, badly, endlessly or not at all; and that nothing of them stays behind."""

import asyncio
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gslb.probe.exec import MAX_DRAINED, ExecMonitor, check
from gslb.probe.result import Result
from gslb.probe.trace import traced
from tests.config.conftest import Folder

ADDRESS = "2001:db8::1"
POOL = "web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}"
Script = Callable[[str], str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """`script(text)` writes a program and returns its path; python where its first line says so, else sh."""

    def write(text: str) -> str:
        path = tmp_path / f"script{len(list(tmp_path.iterdir()))}"
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def run(*command: str, seconds: float = 5.0, **options) -> Result:
    return await check(ExecMonitor("web", timeout=seconds, command=command, **options), ADDRESS)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet reaped by the machine's init does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        await asyncio.sleep(0.01)
    return False


def children() -> set[str]:
    """Our own children, zombies included."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@contextmanager
def nothing_left() -> Iterator[None]:
    """The block leaves no child, zombie or descriptor behind."""
    before = children(), descriptors()
    yield
    assert (children(), descriptors()) == before


@pytest.mark.parametrize(
    ("text", "ok", "told"),
    [
        ("echo 'OK - fine'; echo more", True, ""),
        ("true", True, ""),
        ("echo 'WARNING - slow'; exit 1", True, ""),
        ("echo 'CRITICAL - dead'; exit 2", False, "exec: CRITICAL - dead"),
        ("exit 2", False, "exec: critical, without output"),
        ("echo 'UNKNOWN - what'; exit 3", False, "exec: UNKNOWN - what"),
        ("exit 3", False, "exec: unknown, without output"),
        ("echo odd; exit 4", False, "exec: exit code 4: odd"),
        ("exit 255", False, "exec: exit code 255"),
        ("echo last words; kill -SEGV $$", False, "exec: killed by SIGSEGV: last words"),
        ("kill -40 $$", False, "exec: killed by signal 40"),
        ("echo to nobody >&2; exit 2", False, "exec: critical, without output"),
        ("printf '\\033[31mred\\001\\377\\n'; exit 2", False, "exec: ?[31mred??"),
    ],
)
async def test_exit_codes(script: Script, text: str, ok: bool, told: str) -> None:
    with nothing_left():
        result = await run(script(text))
    assert (result.ok, str(result)) == (ok, told)


async def test_a_success_tells_its_first_line_too(script: Script) -> None:
    result = await run(script("echo 'OK - 12 users | users=12'; echo more"))
    assert (result.ok, result.reason, result.detail) == (True, "", "OK - 12 users | users=12")
    assert len((await run(script("printf '%0300d' 0"))).detail) == 80


async def test_onlookers_see_the_exit_code_and_the_output(script: Script) -> None:
    monitor = ExecMonitor("web", command=(script("echo dead; echo more; exit 7"),))
    result, stages = await traced(check, monitor, ADDRESS)
    assert str(result) == "exec: exit code 7: dead"
    assert {stage.name: stage.text for stage in stages} == {"body": r"dead\nmore\n", "answer": "exit code 7"}


async def test_a_warning_counts_as_it_was_told(script: Script) -> None:
    warning = script("echo slow; exit 1")
    assert (await run(warning, warning="up")).ok
    assert str(await run(warning, warning="down")) == "exec: slow"
    assert str(await run(script("exit 1"), warning="down")) == "exec: warning, without output"


async def test_arguments_are_passed_as_they_are(script: Script) -> None:
    show = script('for word in "$@"; do printf "%s;" "$word"; done')
    result = await run(show, "-H", "{address}", "host={address}:1", "$HOME `id` *; exit 2", "", "{port}")
    assert result.detail == f"-H;{ADDRESS};host={ADDRESS}:1;$HOME `id` *; exit 2;;{{port}};"


async def test_the_environment_is_what_the_monitor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "ours")
    code = "import os; print(sorted(os.environ.items()) == eval(os.environ['WANTED']), os.getcwd())"
    wanted = {"GSLB_ADDRESS": ADDRESS, "GSLB_MONITOR": "web", "LC_ALL": "C", "PATH": "/usr/bin:/bin", "A": "1 $B"}
    text = repr(sorted(wanted.items()))
    environment = (("A", "1 $B"), ("WANTED", text))
    probe = code.replace("os.environ.items()", "(k, v) for k, v in os.environ.items() if k != 'WANTED'")
    result = await run(sys.executable, "-I", "-c", probe, environment=environment)
    assert (result.ok, result.detail) == (True, "True /")


async def test_variables_of_the_monitor_win_over_the_usual_ones(script: Script) -> None:
    environment = (("PATH", "/opt/bin"), ("LC_ALL", "C.UTF-8"))
    assert (await run(script('echo "$PATH $LC_ALL"'), environment=environment)).detail == "/opt/bin C.UTF-8"


async def test_the_input_is_empty_and_no_descriptor_of_ours_is_open(script: Script) -> None:
    assert (await run("/bin/cat", seconds=2)).ok
    code = (
        "import os\n"
        "print([fd for fd in os.listdir('/proc/self/fd') if int(fd) > 2 and os.path.exists(f'/proc/self/fd/{fd}')])"
    )
    assert (await run(sys.executable, "-I", "-c", code)).detail == "[]"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/nowhere/check_it", "exec: cannot start /nowhere/check_it: no such file or directory"),
        ("/etc/passwd", "exec: cannot start /etc/passwd: permission denied"),
        ("/", "exec: cannot start /: permission denied"),
    ],
)
async def test_programs_that_cannot_be_started(command: str, told: str) -> None:
    with nothing_left():
        result = await run(command)
    assert (result.ok, str(result)) == (False, told)


async def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"\0\1\2")
    path.chmod(0o755)
    result = await run(str(path))
    assert result.reason == "exec"
    assert result.detail.endswith(": exec format error")


async def test_a_machine_that_cannot_start_processes_says_nothing_of_the_target(script: Script) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    program = script("true")
    await run(program)
    with nothing_left():
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors(), hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                await run(program)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (await run(program)).ok


async def test_a_program_that_ignores_sigterm_ends_at_the_deadline(script: Script, tmp_path: Path) -> None:
    stubborn = script(f"trap '' TERM INT HUP\necho $$ > {tmp_path}/pid\nwhile :; do sleep 1; done")
    with nothing_left():
        started = time.monotonic()
        result = await run(stubborn, seconds=0.5)
        assert time.monotonic() - started < 1.5
    assert (result.ok, str(result)) == (False, "timeout: program still running, within 0.5 s")
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_a_fork_that_outlives_its_parent_ends_with_it(script: Script, tmp_path: Path) -> None:
    parent = script(f"(trap '' HUP TERM; while :; do sleep 1; done) &\necho $! > {tmp_path}/pid\necho done")
    started = time.monotonic()
    with nothing_left():
        result = await run(parent)
    assert (result.ok, result.detail) == (True, "done")
    assert time.monotonic() - started < 2  # the pipe that the fork holds open is not waited for
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_forks_end_at_the_deadline(script: Script, tmp_path: Path) -> None:
    family = script(f"""#!{sys.executable} -I
import os, time
for _ in range(2):
    os.fork()
with open("{tmp_path}/pids", "a") as file:
    file.write(f"{{os.getpid()}}\\n")
time.sleep(60)
""")
    with nothing_left():
        assert (await run(family, seconds=1.0)).reason == "timeout"
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 4
    for pid in pids:
        assert await gone(pid)


async def test_much_output_is_drained_and_the_exit_code_counts(script: Script) -> None:
    many = script("echo first; head -c 500000 /dev/zero; exit 2")
    with nothing_left():
        assert str(await run(many)) == "exec: first"


async def test_endless_output_ends_the_program(script: Script) -> None:
    with nothing_left():
        started = time.monotonic()
        result = await run(script("exec yes"), seconds=10.0)
        assert time.monotonic() - started < 5
    assert str(result) == f"exec: ended: more than {MAX_DRAINED} octets of output"


async def test_a_program_that_closes_its_output_is_waited_for(script: Script) -> None:
    assert str(await run(script("echo early; exec >&-; sleep 0.2; exit 2"))) == "exec: early"


async def test_a_probe_that_is_cancelled_leaves_nothing(script: Script, tmp_path: Path) -> None:
    program = script(f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with nothing_left():
        task = asyncio.create_task(run(program, seconds=30))
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_fifty_at_once_leave_nothing_behind(script: Script) -> None:
    good, bad = script("sleep 0.1; echo fine"), script("(sleep 60) & echo dead; exit 2")
    hanging = script("sleep 60 & sleep 60")
    with nothing_left():
        results = await asyncio.gather(
            *(run(program, seconds=5 if program != hanging else 1) for program in [good, bad, hanging, good, bad] * 10)
        )
    assert [str(result).partition(",")[0] for result in results] == [
        "",
        "exec: dead",
        "timeout: program still running",
        "",
        "exec: dead",
    ] * 10


def test_every_key(folder: Folder) -> None:
    text = """
  type: exec
  command: [/usr/lib/nagios/plugins/check_ntp_time, -H, "{address}"]
  environment: {PGUSER: probe, A_1: ""}
  warning: down
  timeout: 1s
"""
    assert folder.load(monitors=f"web: {text}", pools=POOL).monitors["web"] == ExecMonitor(
        name="web",
        timeout=1.0,
        command=("/usr/lib/nagios/plugins/check_ntp_time", "-H", "{address}"),
        environment=(("PGUSER", "probe"), ("A_1", "")),
        warning="down",
    )


def test_defaults(folder: Folder) -> None:
    monitor = folder.load(monitors="web: {type: exec, command: [/bin/true]}", pools=POOL).monitors["web"]
    assert monitor == ExecMonitor(name="web", command=("/bin/true",), warning="up")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{type: exec}", "monitors.web.command: is required"),
        ("{type: exec, command: []}", "monitors.web.command: "),
        ("{type: exec, command: /bin/true -x}", "monitors.web.command: must be a list"),
        (
            "{type: exec, command: [true.sh]}",
            "monitors.web.command.0: must be the absolute path of a program (got 'true.sh')",
        ),
        ("{type: exec, command: [/bin/true, 5]}", "monitors.web.command.1: must be text (got 5)"),
        ('{type: exec, command: [/bin/true, "a\\0"]}', "monitors.web.command.1: must be at most 4096 characters"),
        ("{type: exec, command: [/bin/true], warning: red}", "monitors.web.warning: "),
        ("{type: exec, command: [/bin/true], port: 80}", "monitors.web.port: "),
        (
            "{type: exec, command: [/bin/true], environment: {GSLB_ADDRESS: x}}",
            "monitors.web.environment.GSLB_ADDRESS: is set by the probe",
        ),
        ("{type: exec, command: [/bin/true], environment: {A-B: x}}", "monitors.web.environment.A-B: "),
        ("{type: exec, command: [/bin/true], environment: {A: 1}}", "monitors.web.environment.A: must be text"),
    ],
)
def test_faults(folder: Folder, text: str, fault: str) -> None:
    messages = folder.messages(monitors=f"web: {text}", pools=POOL)
    assert any(line.startswith(fault) for line in messages), messages
