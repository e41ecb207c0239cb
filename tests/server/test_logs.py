"""Lines as processes write them, read back."""

import json
import logging
import subprocess
import sys

import pytest

from gslb.config.settings import LogSettings
from gslb.context import TCP, UDP, Context
from gslb.responder import respond
from gslb.server import logs
from gslb.server.logs import Console, Json
from tests.conftest import ENVIRONMENT
from tests.support import SOURCE, config, context, query, table

FORGED = "a\n2026-01-01T00:00:00.000Z info gslb.control[1]: all is well\r\x1b[2J\x85\u2028end"


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("gslb.worker", logging.WARNING, "", 0, message, arguments, None)
    made.created = 1_772_356_502.114
    made.__dict__.update(more)
    return made


def lines_of(text: str) -> int:
    return len(text.splitlines())


def failed() -> logging.LogRecord:
    try:
        raise ValueError(FORGED)
    except ValueError:
        return record("it failed", exc_info=sys.exc_info())


def test_a_line_for_people() -> None:
    line = Console(lambda: "f00").format(record("worker %d ended", 7, process=4711))
    assert line == "2026-03-01T09:15:02.114Z warning gslb.worker[4711]: worker 7 ended (request f00)"


def test_a_line_for_programs() -> None:
    made = record("worker %d ended", 7, process=4711, fields={"slot": 3})
    assert json.loads(Json(lambda: "f00").format(made)) == {
        "time": "2026-03-01T09:15:02.114Z",
        "level": "warning",
        "logger": "gslb.worker",
        "pid": 4711,
        "message": "worker 7 ended",
        "request": "f00",
        "slot": 3,
    }
    assert "request" not in json.loads(Json().format(made))


@pytest.mark.parametrize("form", [Console(), Json()])
def test_nobody_can_forge_a_line(form: logging.Formatter) -> None:
    assert lines_of(form.format(record("monitor said %s", FORGED))) == 1
    assert lines_of(form.format(failed())) == 1
    assert not set(map(chr, range(32))) & set(form.format(failed()))


def test_a_traceback_is_in_its_line() -> None:
    assert json.loads(Json().format(failed()))["error"].splitlines()[0] == "Traceback (most recent call last):"
    assert r"it failed: Traceback (most recent call last):\x0a" in Console().format(failed())


def test_an_escape_cannot_be_mistaken_for_what_was_said() -> None:
    assert Console().format(record(r"\x0a")).endswith(r"\\x0a")


@pytest.mark.parametrize("settings", [LogSettings("json", "debug", 1000), LogSettings()])
def test_settings_reach_the_processes(settings: LogSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.VARIABLE, logs.handed_on(settings))
    assert logs.inherited() == settings


@pytest.mark.parametrize("text", ["", "xml info 0", "json loud 0", "json info -1", "json info", "json info 0 0"])
def test_what_cannot_be_read_is_as_usual(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.VARIABLE, text)
    assert logs.inherited() == LogSettings()


def test_a_process_writes_so_from_its_level_on() -> None:
    code = (
        "import logging; from gslb.server import logs\n"
        "class Blot(logging.Filter):\n"
        "    def filter(self, record): record.msg = record.msg.replace('secret', '***'); return True\n"
        "logs.configure(logs.inherited(), request=lambda: 'r1', filters=[Blot()])\n"
        "log = logging.getLogger('gslb.control'); log.info('no'); log.error('a secret\\nof two lines')"
    )
    environment = {**ENVIRONMENT, logs.VARIABLE: "json warning 0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    (line,) = done.stderr.splitlines()
    event = json.loads(line)
    assert (event["level"], event["message"], event["request"]) == ("error", "a ***\nof two lines", "r1")


@pytest.fixture
def ctx() -> Context:
    return context(table(config()))


def test_one_query_in_so_many_is_told(ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    answer = logs.sampled(respond, 10, lambda: 7.0)
    with caplog.at_level(logging.INFO, "gslb.query"):
        for _ in range(25):
            answer(ctx, query("www"), SOURCE, UDP)
    assert len(caplog.records) == 3
    address = ".".join(map(str, SOURCE))
    assert caplog.messages[0] == f"www.gslb.example.com. A from {address} by udp: NOERROR, 1 records"
    assert json.loads(Json().format(caplog.records[0]))["client"] == address


def test_a_flood_is_told_of_for_a_few_lines_a_second(ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    now = 7.0
    answer = logs.sampled(respond, 1, lambda: now)
    with caplog.at_level(logging.INFO, "gslb.query"):
        for _ in range(500):
            answer(ctx, query("www", "TYPE4711"), bytes(16), TCP)
        assert len(caplog.records) == logs.MOST
        now = 8.5
        answer(ctx, query("www"), SOURCE, UDP)
    assert len(caplog.records) == logs.MOST + 1
    assert caplog.messages[0] == "www.gslb.example.com. TYPE4711 from :: by tcp: NOERROR, 0 records"


def test_names_and_messages_of_strangers_stay_in_their_line(ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    answer = logs.sampled(respond, 1, lambda: 7.0)
    hostile = query("www").replace(b"\x03www", b"\x03w\n\xff")
    with caplog.at_level(logging.INFO, "gslb.query"):
        answer(ctx, hostile, SOURCE, UDP)
        answer(ctx, b"short", SOURCE, UDP)
        answer(ctx, query("www")[:20], SOURCE, UDP)
    assert caplog.messages[0].startswith(r"w\010\255.gslb.example.com. A from ")
    assert all(lines_of(Console().format(one)) == 1 for one in caplog.records)


def test_without_sampling_nothing_is_wrapped() -> None:
    assert logs.sampling(LogSettings())(respond) is respond
    assert logs.sampling(LogSettings(queries=2))(respond) is not respond


def test_a_worker_imports_nothing_heavy_for_it() -> None:
    code = "import sys, gslb.server.logs; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    heavy = {"aiohttp", "pydantic", "yaml", "maxminddb", "dns", "dnslib", "rich", "click", "prometheus_client"}
    assert not heavy & set(done.stdout.split())
