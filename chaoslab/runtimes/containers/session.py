"""A session of labs in containers: its stack is started once, and labs use it one at a time."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress

from chaoslab.errors import (
    ChaoslabError,
    ErrorCode,
    Problem,
    ServiceFailed,
)
from chaoslab.history.events import PastProxy
from chaoslab.machine.ports import Ports
from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.containers.engine import Engine, in_background
from chaoslab.runtimes.containers.runtime import ContainerRuntime
from chaoslab.runtimes.containers.stack import Stack, StartedStack
from chaoslab.runtimes.containers.switch import Switch
from chaoslab.seeds import fresh_seed

NOT_REMOVED = ErrorCode(
    "session.not_removed",
    "parts of the session {session} remain: {left}",
    "Containers, networks or volumes are left after the end of a session.",
)
START_ENDS_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.01


class DockerSession:
    """Labs of one topology and one kind of proxy on a stack of containers.

    `close` removes everything; the session's switch does so if this process dies.
    """

    name = "docker"
    past_proxy: PastProxy = "prevented"  # app and services are on networks of their own

    touches: tuple[str, ...] = ()

    def __init__(self, topology: Topology, proxy: ProxyKind) -> None:
        self._topology, self._proxy = topology, proxy
        self._id = f"{os.getpid()}-{fresh_seed():08x}"
        self._numbers = itertools.count(1)
        self._versions: dict[str, str] = {}
        self._ports = Ports()
        self._switch: Switch | None = None
        self._engine: Engine | None = None
        self._starting: Future[Stack] | None = None
        self._stack: Stack | None = None

    @property
    def id(self) -> str:
        """The session's id: the label of its containers, networks and volumes."""
        return self._id

    def check(self) -> None:
        """Check that a container engine answers. Raises RuntimeUnavailable, with the fix."""
        Engine(self._id).close()

    @asynccontextmanager
    async def lab(self) -> AsyncIterator[ContainerRuntime]:
        """Yield a runtime for one lab. The session's first lab starts the stack.

        Raises RuntimeUnavailable or ServiceFailed, with the fix.
        """
        if self._starting is None:
            self._starting = in_background(self._start)
        # Polled, so that a caller that is cancelled leaves nothing that must be awaited.
        while not self._starting.done():  # noqa: ASYNC110  (a thread's)
            await asyncio.sleep(_LOOK_EVERY_S)
        # A start that failed is not repeated: it would take as long and fail again.
        self._stack = self._starting.result()
        lab = f"lab_{self._id.replace('-', '_')}_{next(self._numbers)}"
        async with ContainerRuntime(
            self._stack,
            name=self.name,
            lab=lab,
            versions=self._versions,
            past_proxy=self.past_proxy,
        ) as runtime:
            yield runtime

    def _start(self) -> Stack:
        self._engine = Engine(self._id)
        self._switch = Switch(self._id, self._engine.base_url)
        return StartedStack(self._engine, self._topology, self._proxy, self._ports)

    def _end_starting(self) -> None:
        """If the stack is still being started, make that start end: it would make containers during
        the removal. Then close the stack's agents.
        """
        if self._engine is not None:
            self._engine.end()
        starting, self._starting, self._stack = self._starting, None, None
        if starting is not None:
            with suppress(ChaoslabError, TimeoutError):
                stack = starting.result(START_ENDS_WITHIN_S)
                stack.close_agents()

    def close(self) -> None:
        """Remove every container, network and volume of the session; safe to repeat. Blocks.

        Raises ServiceFailed if something remains.
        """
        self._end_starting()
        if self._engine is not None:
            self._engine.close()
        self._ports.close()
        switch, self._switch = self._switch, None
        if switch is not None and not switch.finish():
            reason = NOT_REMOVED(session=self._id, left=switch.why_left)
            fix = "`chaoslab clean` removes them after this process has ended"
            raise ServiceFailed(Problem(reason=reason, fix=fix))
