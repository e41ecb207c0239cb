"""What systemd hears of a node in one process; where there is a supervisor, it is that who tells."""

import asyncio
import time

from gslb.api.views import ready_view
from gslb.control.controller import Controller
from gslb.server.manager import Manager

_EVERY = 0.25  # seconds


class Telling:
    """Ready when the node serves, and again after a reload was asked for; alive while the loop turns and it serves."""

    def __init__(self, controller: Controller, manager: Manager | None = None) -> None:
        self._controller = controller
        self._manager = Manager.inherited() if manager is None else manager
        self._due = True

    def reload(self) -> None:
        """Ask for a reload. Safe in a signal handler."""
        self._manager.reloading()
        self._controller.reloading.request()
        self._due = True

    async def run(self) -> None:
        """Tell until cancelled, and at the end that it is the end."""
        try:
            while True:
                if ready_view(self._controller)["serving"]:
                    if self._due:
                        self._due = False
                        self._manager.ready("serving")
                    self._manager.alive(time.monotonic())
                await asyncio.sleep(_EVERY)
        finally:
            self._manager.stopping()
