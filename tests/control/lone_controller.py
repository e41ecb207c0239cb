"""A controller on the folder of a node, with its worker and without an API: for tests that speak to it directly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from gslb.control.controller import Controller
from gslb.control.course import starting_plan
from gslb.control.recorder import Recorder
from gslb.control.stores import Stores
from gslb.server.publish import LocalPublisher
from gslb.server.state import StateFolder
from gslb.server.worker import Worker
from gslb.store.history import HistoryStore
from gslb.store.sqlite import SqliteStore
from tests.whole_node import Node


@asynccontextmanager
async def controlled(node: Node) -> AsyncIterator[Controller]:
    """Run it; what it left in the state folder is there for the next one. It answers when this begins."""
    plan = starting_plan(node.path)
    async with AsyncExitStack() as stack:
        state = StateFolder(plan.config.node.state)
        worker = Worker(plan.config.node.dns)
        worker.open()
        stack.push_async_callback(worker.close)
        publisher = LocalPublisher(worker, state)
        stack.callback(publisher.close)
        own = await SqliteStore.open(str(state.database_path), plan.config.node.name)
        stack.push_async_callback(own.close)
        recorder = Recorder(HistoryStore(str(state.path / "history.db")))
        stack.push_async_callback(recorder.close)
        controller = Controller(node.path, plan, Stores(own, own), publisher, recorder)
        stack.push_async_callback(controller.close)
        await controller.start()
        running = asyncio.create_task(controller.run())
        try:
            async with asyncio.timeout(4):
                while not controller.fresh:
                    await asyncio.sleep(0.01)
            yield controller
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
