"""An app that the lab did not start. The lab only sends it requests."""

from __future__ import annotations

import asyncio

from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket

NO_SOCKETS = ErrorCode(
    "attach.no_sockets",
    "cannot list the sockets of an app that the lab did not start",
    "In attach mode the lab does not read an app's sockets.",
)


class ExternalApp:
    """Implements `RunningApp` for an app that the lab neither starts nor stops."""

    pid = 0
    exit_code = None
    left_running = ()
    killed_after_s = None

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._since_s = now_s()

    @property
    def spawned_s(self) -> float:
        """The time at which the lab started to watch the app; the app's real start is not known."""
        return self._since_s

    @property
    def endpoint(self) -> Endpoint:
        """The app's address, as the topology declares it."""
        return self._endpoint

    def endpoint_of(self, port: str) -> Endpoint:
        """`endpoint`: the topology declares no address of another port."""
        assert not port, "attach mode refuses a named port"
        return self._endpoint

    @property
    def listens_on(self) -> int:
        """The port of `endpoint`. On the app's own machine the app may listen on another port."""
        return self._endpoint.port

    async def exited(self) -> int:
        """Wait until cancelled, and never return: the lab cannot observe the end of this app."""
        return int(await asyncio.get_running_loop().create_future())

    async def wait(self) -> int:
        """Wait until cancelled, and never return, as `exited` does."""
        return await self.exited()

    def sockets(self) -> tuple[AppSocket, ...]:
        """Always raise RuntimeUnavailable: the lab cannot list the sockets of this app."""
        raise RuntimeUnavailable(Problem(reason=NO_SOCKETS()))

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """Always empty: the lab does not have the app's log."""
        del lines
        return ()

    async def usage(self) -> None:
        """Always None: the lab does not see the processes of this app."""

    async def terminate(self, grace_s: float = 2.0) -> int:
        """Do nothing and return 0: the app continues to run."""
        del grace_s
        return 0
