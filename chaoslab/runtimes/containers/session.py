"""A session of labs on containers: the stack is started once and lent to one lab at a time."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chaoslab.errors import ServiceFailed
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.containers.engine import Engine, in_thread
from chaoslab.runtimes.containers.runtime import ContainerRuntime
from chaoslab.runtimes.containers.stack import Stack, StartedStack
from chaoslab.runtimes.containers.switch import Switch
from chaoslab.runtimes.local.ports import Ports
from chaoslab.seeds import fresh_seed
from chaoslab.spec.topology import Topology


class DockerSession:
    """Labs of one topology and one kind of proxy on a stack of containers.

    `close` takes everything away; so does the session's switch if this process dies.
    """

    name = "docker"

    def __init__(self, topology: Topology, proxy: ProxyKind) -> None:
        self._topology, self._proxy = topology, proxy
        self._id = f"{os.getpid()}-{fresh_seed():08x}"
        self._numbers = itertools.count(1)
        self._versions: dict[str, str] = {}
        self._ports = Ports()
        self._switch: Switch | None = None
        self._stack: Stack | None = None

    @asynccontextmanager
    async def lab(self) -> AsyncIterator[ContainerRuntime]:
        """A runtime for one lab; the first one starts the stack.

        Raises RuntimeUnavailable or ServiceFailed, with the mend.
        """
        if self._stack is None:
            self._stack = await in_thread(self._start)
        lab = f"lab_{self._id.replace('-', '_')}_{next(self._numbers)}"
        async with ContainerRuntime(
            self._stack, name=self.name, lab=lab, versions=self._versions
        ) as runtime:
            yield runtime

    def _start(self) -> Stack:
        engine = Engine(self._id)
        if self._switch is None:
            self._switch = Switch(self._id, engine.base_url)
        return StartedStack(engine, self._topology, self._proxy, self._ports)

    def close(self) -> None:
        """Take every container and network of the session away; safe to repeat. Blocks.

        Raises ServiceFailed where something could not be taken away.
        """
        stack, self._stack = self._stack, None
        if stack is not None:
            for agent in (stack.gateway.agent, *(pod.agent for pod in stack.pods.values())):
                agent.close()
        self._ports.close()
        switch, self._switch = self._switch, None
        if switch is not None and not switch.finish():
            raise ServiceFailed(
                f"something of the session {self._id} is left: {switch.why_left}\n"
                "  `chaoslab clean` takes it away once this process has ended"
            )
