"""Sends notices to webhooks: grouped, tried again with growing pauses, bounded; and nobody waits for it.

No redirect is followed, and no answer is read: only its status counts. A URL may be a secret, so logs and the API show
the kind of the sink and its host.
"""

import asyncio
import logging
import os
import ssl
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp

import gslb
from gslb.config.notifyfile import web_url
from gslb.config.settings import SinkSettings
from gslb.control.notifyfacts import Fact, Key, Notice
from gslb.control.notifyforms import FORMS, MOST_LINES, Alert, Json, Sender, alerts, least

WINDOW: Final = 5.0  # seconds from the first notice until it is sent with those that followed
QUEUE: Final = 500  # notices that wait for a sink
LONGEST: Final = 3600.0  # seconds after which a notice is given up
PATIENCE: Final = 10.0  # seconds for one attempt
FIRST_PAUSE: Final = 1.0  # seconds after the first failure; then twice as long each time
LAST_PAUSE: Final = 60.0
REPEAT: Final = 60.0  # seconds after which Alertmanager is told again what holds
RESOLVED: Final = 300.0  # seconds for which it is told that something has ended

_ALERTS: Final = "/api/v2/alerts"
_TRY_AGAIN: Final = (408, 425, 429)  # of the client errors, those that time may mend
_TEST: Final = Fact(Key("test", "test"), "test", "info", "a test: notifications from this node arrive")

log = logging.getLogger("gslb.control")


class Outcome(NamedTuple):
    """How an attempt went. `again`: it may be worth another."""

    ok: bool
    why: str = ""
    again: bool = True


class Delivery(NamedTuple):
    """What one sink was sent. `dropped` counts notices that it never got."""

    sink: str
    ok: bool
    why: str
    sent: int = 0
    failed: int = 0
    dropped: int = 0


class Post:
    """One webhook as HTTP. `name` shows no secret."""

    def __init__(self, sink: SinkSettings) -> None:
        self.sink = sink
        place = urlsplit(sink.url).netloc if sink.url else Path(sink.url_file or "").name
        self.name = f"{sink.type} {place}"

    async def send(self, body: Json) -> Outcome:
        """Post a document. Whatever goes wrong is in the outcome."""
        try:
            url, headers, context = await asyncio.to_thread(self._target)
        except (OSError, ValueError) as error:
            return Outcome(False, str(error))
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        try:
            connector = aiohttp.TCPConnector(force_close=True)  # what an answer has beyond its head is not waited for
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=False) as session,
                session.post(url, json=body, headers=headers, allow_redirects=False, ssl=context) as response,
            ):
                return _judged(response.status)
        except TimeoutError:
            return Outcome(False, f"no answer within {PATIENCE:g} s")
        except aiohttp.ClientSSLError:
            return Outcome(False, "its certificate is not accepted, or it speaks no TLS")
        except aiohttp.ClientConnectorError as error:
            return Outcome(False, _reason(error.os_error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome(False, f"no HTTP answer ({type(error).__name__})")  # its text may hold the URL

    def _target(self) -> tuple[str, dict[str, str], ssl.SSLContext | bool]:
        """URL, headers and trust, read anew each time: a secret can be changed without a reload."""
        sink = self.sink
        url = sink.url or _secret(sink.url_file)
        try:
            web_url(url)
        except ValueError as error:
            raise ValueError(f"{sink.url_file}: {error}") from None
        if sink.type == "alertmanager":
            url = url.rstrip("/").removesuffix(_ALERTS) + _ALERTS
        headers = {"User-Agent": f"gslb/{gslb.__version__}"}
        if sink.token_file:
            headers["Authorization"] = f"Bearer {_secret(sink.token_file)}"
        try:
            return url, headers, ssl.create_default_context(cafile=sink.ca) if sink.ca else True
        except OSError as error:
            raise OSError(f"{sink.ca}: the certificates cannot be read: {error.strerror or error}") from error


def _secret(path: str | None) -> str:
    """The only line of a file. Raises OSError, ValueError; neither shows it."""
    assert path
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise OSError(f"{path}: {error.strerror}") from None
    except UnicodeError:
        raise ValueError(f"{path}: is not text") from None
    if not text.isprintable() or not text:
        raise ValueError(f"{path}: must hold one line")
    return text


def _reason(error: OSError) -> str:
    """Without the address, which asyncio adds; negative numbers are those of the resolver."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or "no connection"


def _judged(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(True)
    if 300 <= status < 400:
        return Outcome(False, f"HTTP {status}: redirects are not followed", again=False)
    return Outcome(False, f"HTTP {status}", again=status >= 500 or status in _TRY_AGAIN)


class Outlet:
    """One sink: `tell` it, let `run` run. Notices that wait are sent together; those that it never gets are counted."""

    def __init__(self, sink: SinkSettings, sender: Sender, clock: Callable[[], float] = time.time) -> None:
        self.post = Post(sink)
        self.sent = self.failed = self.dropped = 0
        self._sender = sender
        self._clock = clock
        self._waiting: deque[Notice] = deque()
        self._sending: list[Notice] = []
        self._alerts: dict[Key, Alert] = {}
        self._unsaid = 0  # dropped since the last message that arrived
        self._news = asyncio.Event()
        self._outcome = Outcome(True)

    @property
    def delivery(self) -> Delivery:
        """How it went until now."""
        return Delivery(self.post.name, self._outcome.ok, self._outcome.why, self.sent, self.failed, self.dropped)

    @property
    def busy(self) -> bool:
        """Whether notices are still to arrive."""
        return bool(self._waiting or self._sending)

    def wants(self, fact: Fact) -> bool:
        """Whether the sink is to be told of this."""
        return not self.post.sink.events or fact.group in self.post.sink.events

    def tell(self, told: Iterable[Notice]) -> None:
        """Queue notices. Returns at once. Alertmanager wants none: see `hold`."""
        if self.post.sink.type == "alertmanager":
            return
        self._waiting += [one for one in told if self.wants(one.fact)]
        if len(self._waiting) > QUEUE:
            self._drop(least(self._waiting, len(self._waiting) - QUEUE))
        if self._waiting:
            self._news.set()

    def hold(self, present: Iterable[Fact], now: float) -> None:
        """What Alertmanager is to know: all that holds now; what held before has ended. Others have notices instead."""
        if self.post.sink.type != "alertmanager":
            return
        held = {fact.key: fact for fact in present if self.wants(fact)}
        for key, alert in [*self._alerts.items()]:
            if key not in held and alert.ended is None:
                self._alerts[key] = alert._replace(ended=now)
                self._news.set()
        for key, fact in held.items():
            former = self._alerts.get(key)
            starts = former.starts if former and former.ended is None else now
            self._alerts[key] = Alert(fact, starts)
            if former is None or former.ended is not None or former.fact.edition != fact.edition:
                self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        deliver = self._refresh if self.post.sink.type == "alertmanager" else self._deliver
        pause = 0.0
        while True:
            try:
                pause = await deliver(pause)
            except Exception:
                log.exception("notifications to %s failed; nothing else depends on them", self.post.name)
                pause = LAST_PAUSE
            await asyncio.sleep(pause)

    async def _deliver(self, pause: float) -> float:
        """Send what waits, and what comes within WINDOW; the pause until the next attempt."""
        await self._news.wait()
        if not pause:
            await asyncio.sleep(WINDOW)
        self._drop([one for one in self._waiting if self._clock() - one.at > LONGEST])
        self._news.clear()
        batch = self._sending = [*self._waiting]
        self._waiting.clear()
        if not batch:
            return 0.0
        outcome = await self._attempt(FORMS[self.post.sink.type](self._sender, batch, self._unsaid))
        self._sending = []
        if outcome.ok:
            self._unsaid = 0
            return 0.0
        self._waiting.extendleft(reversed(batch))
        if outcome.again:
            self.tell(())
        else:
            self._drop(batch)
        return _longer(pause)

    async def _refresh(self, pause: float) -> float:
        """Tell what holds, at each change and every REPEAT; the pause until the next attempt."""
        if not pause:
            try:
                async with asyncio.timeout(REPEAT):
                    await self._news.wait()
            except TimeoutError:
                pass
        self._news.clear()
        now = self._clock()
        over = [key for key, alert in self._alerts.items() if alert.ended is not None and now - alert.ended > RESOLVED]
        for key in over:
            del self._alerts[key]
        if not self._alerts:
            return 0.0
        outcome = await self._attempt(alerts(self._sender, [*self._alerts.values()], now))
        return 0.0 if outcome.ok else _longer(pause)

    async def _attempt(self, body: Json) -> Outcome:
        outcome = await self.post.send(body)
        if outcome.ok:
            self.sent += 1
        else:
            self.failed += 1
        if outcome.ok != self._outcome.ok:
            if outcome.ok:
                log.info("notifications to %s arrive again", self.post.name)
            else:
                log.error("notifications to %s do not arrive: %s", self.post.name, outcome.why)
        self._outcome = outcome
        return outcome

    def _drop(self, lost: Collection[Notice]) -> None:
        """Give up some of what waits."""
        if not lost:
            return
        gone = {*map(id, lost)}
        self._waiting = deque(one for one in self._waiting if id(one) not in gone)
        self.dropped += len(lost)
        self._unsaid += len(lost)
        for one in [*lost][:MOST_LINES]:
            log.warning("notification lost, %s does not take it: %s", self.post.name, one.text)
        if len(lost) > MOST_LINES:
            log.warning("notifications lost, %s does not take them: %d more", self.post.name, len(lost) - MOST_LINES)

    async def test(self) -> Delivery:
        """Send a test at once, once; how it went."""
        now = self._clock()
        told = Notice("test", _TEST, False, f"{_TEST.text} ({self._sender.node})", now)
        body = _test_body(self.post.sink.type, self._sender, told)
        outcome = await self.post.send(body)
        return Delivery(self.post.name, outcome.ok, outcome.why)


def _test_body(kind: str, sender: Sender, told: Notice) -> Any:
    if kind == "alertmanager":
        return alerts(sender, [Alert(told.fact._replace(own=True), told.at, told.at + REPEAT)], told.at)
    return FORMS[kind](sender, [told], 0)


def _longer(pause: float) -> float:
    return min(max(pause * 2, FIRST_PAUSE), LAST_PAUSE)
