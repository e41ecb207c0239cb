"""The control process from start to end: `python -m gslb.api.main --config gslb.yaml`.

The supervisor starts it beside the workers; with `workers: 0` it is the whole node, its worker included.
"""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from gslb.api import requestid
from gslb.api.access import Access
from gslb.api.app import make_app
from gslb.api.issuing import Issuing
from gslb.api.listening import Listening
from gslb.api.redact import Redacting
from gslb.api.telling import Telling
from gslb.api.tokens import ensure_token
from gslb.config.load import load_node
from gslb.config.settings import NodeSettings, supervised
from gslb.control.controller import Controller
from gslb.control.course import starting_plan
from gslb.control.line import Plan
from gslb.control.recorder import Recorder
from gslb.control.secretfiles import ensure_cookie_secrets
from gslb.control.stores import Stores, keep_secrets, open_store
from gslb.errors import GslbError
from gslb.server import logs
from gslb.server.priority import step_back
from gslb.server.publish import LocalPublisher, NoPublisher, Publisher, SharedPublisher
from gslb.server.state import StateFolder
from gslb.server.takeover import Claim
from gslb.server.worker import Worker
from gslb.store import Store
from gslb.store.history import HistoryStore
from gslb.store.shared import EtcdStore
from gslb.store.sqlite import SqliteStore

log = logging.getLogger("gslb.control")

Keeping = Callable[[], Coroutine[None, None, None]]

HISTORY = "history.db"
CANNOT_START = 78  # EX_CONFIG of sysexits.h: another attempt will not help before somebody has looked
_LOOK_EVERY = 1.0  # seconds
_SWITCH = 0.0005  # seconds that a long page or a reload, in a thread, may hold up probes at each of their steps


def run_control(config_path: str) -> int:
    """Run the control process until SIGTERM. Returns 0, or CANNOT_START with the reasons on standard error."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload that is asked for during the start has nothing to reload
    try:
        node = load_node(config_path)
        logs.configure(node.log, request=requestid.current.get, filters=[Redacting()])
        StateFolder(node.state)
        ensure_cookie_secrets(node.cookie_file)
        plan = starting_plan(config_path)
        sys.setswitchinterval(_SWITCH)
        if supervised(plan.config.node):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor, which ends us in order
            step_back()
        asyncio.run(_until_told(config_path, plan))
    except GslbError as error:
        sys.stderr.write(f"{error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
        return CANNOT_START
    return 0


async def _until_told(config_path: str, plan: Plan) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if not supervised(plan.config.node):
        loop.add_signal_handler(signal.SIGINT, stop.set)
    await run_node(config_path, plan, stop)


async def run_node(config_path: str, plan: Plan, stop: asyncio.Event) -> None:
    """Control one node until `stop` is set. Raises StateError, StoreError where it cannot start; nothing is left."""
    node = plan.config.node
    async with AsyncExitStack() as stack:
        state = StateFolder(node.state)
        publisher = await _publisher(stack, node, state)
        own = await SqliteStore.open(str(state.database_path), node.name)
        stack.push_async_callback(own.close)
        store = await open_store(node, own)
        if store is not own:
            stack.push_async_callback(store.close)
        recorder = Recorder(HistoryStore(str(state.path / HISTORY)))
        stack.push_async_callback(recorder.close)
        await _joined(stack, store)
        controller = Controller(config_path, plan, Stores(store, own), publisher, recorder)
        stack.push_async_callback(controller.close)
        await controller.start()
        api = await _serve_api(stack, controller, str(state.token_path)) if node.api else ()
        telling = Telling(controller)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, telling.reload)
        async with asyncio.TaskGroup() as group:
            secrets = keep_secrets(store, node.cookie_file, controller.reloading.request_renewal)
            comparing = controller.presence.keep_comparing(node.name)
            loops = (controller.run(), recorder.run(), telling.run(), _keep_collections_short(controller))
            tasks = (*loops, secrets, comparing)
            running = [group.create_task(task) for task in (*tasks, *(keep() for keep in api))]
            await stop.wait()
            for task in running:
                task.cancel()


async def _joined(stack: AsyncExitStack, store: Store) -> None:
    """Follow the store from now on; wait a moment for what it knows, and go on without it where it does not answer."""
    task = asyncio.create_task(store.run())

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
    if isinstance(store, EtcdStore) and not await store.first_look():
        log.warning("the store does not answer yet: going on with what this node knew at its end")


async def _keep_collections_short(controller: Controller) -> None:
    """Put each configuration aside once it is served: a collection then walks what probes and requests left behind.

    With 5,000 targets it would otherwise walk half a million objects: 0.14 s, every few seconds, when no probe starts.
    """
    aside: Plan | None = None
    while True:
        if controller.settled and controller.plan is not aside:
            aside = controller.plan
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        await asyncio.sleep(_LOOK_EVERY)


async def _publisher(stack: AsyncExitStack, node: NodeSettings, state: StateFolder) -> Publisher:
    if "dns" not in node.roles:
        return NoPublisher()
    if node.workers != 0:
        shared = SharedPublisher(state)
        stack.callback(shared.close)
        return shared
    claim = await asyncio.to_thread(Claim.alone, state, node.dns)
    stack.callback(claim.release)
    worker = Worker(node.dns, shown=logs.sampling(node.log), ring=state.ring_path(0))
    worker.open()
    stack.push_async_callback(worker.close)
    local = LocalPublisher(worker, state)
    stack.callback(local.close)
    earlier = local.served()
    if earlier is not None:
        worker.swap(earlier)  # answering comes first, whatever the age of what is known
    log.info("serving on %s", ", ".join(f"{host} port {port}" for host, port in worker.addresses))
    return local


async def _serve_api(stack: AsyncExitStack, controller: Controller, token_path: str) -> Sequence[Keeping]:
    """Open the API. What is returned keeps its token and certificates current."""
    node = controller.plan.config.node
    assert node.api
    access = Access(ensure_token(token_path), controller.store)
    issuing = Issuing(controller.store, access, lambda: controller.plan.config)
    listening = Listening(make_app(controller, access, issuing))
    stack.push_async_callback(listening.close)
    await listening.open(node.api, node.api_tls)

    def certificates() -> Coroutine[None, None, None]:
        return listening.keep_current(lambda: controller.plan.config.node.api_tls)

    return certificates, lambda: access.keep_own(token_path), issuing.keep_uses


def main(arguments: list[str]) -> int:
    """Entry point of the process."""
    if len(arguments) != 2 or arguments[0] != "--config":
        sys.stderr.write("usage: python -m gslb.api.main --config gslb.yaml\n")
        return 2
    return run_control(str(Path(arguments[1]).absolute()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
