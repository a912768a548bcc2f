"""An app that stands already: it is asked for its health, and for nothing else."""

from __future__ import annotations

import asyncio

from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket


class StandingApp:
    """Implements `RunningApp` for an app that the lab has not started and does not stop."""

    pid = 0
    exit_code = None
    left_running = ()

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._since_s = now_s()

    @property
    def spawned_s(self) -> float:
        """When the lab began to watch it."""
        return self._since_s

    @property
    def endpoint(self) -> Endpoint:
        """Where the topology says that it answers."""
        return self._endpoint

    @property
    def listens_on(self) -> int:
        """The port at which it is asked; its own kernel may know it by another."""
        return self._endpoint.port

    async def exited(self) -> int:
        """Its end cannot be seen from here: waits until it is cancelled."""
        return int(await asyncio.get_running_loop().create_future())

    async def wait(self) -> int:
        """The same."""
        return await self.exited()

    def sockets(self) -> tuple[AppSocket, ...]:
        """Its kernel is not asked. Raises RuntimeUnavailable."""
        raise RuntimeUnavailable("cannot list the sockets of an app that the lab did not start")

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """Its log is where whoever runs it keeps it."""
        del lines
        return ()

    async def terminate(self, grace_s: float = 2.0) -> int:
        """It goes on."""
        del grace_s
        return 0
