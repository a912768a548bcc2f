"""A session of labs on the stack of docker-compose.chaos.yml: one that runs already, or its own.

Where the file's project runs already, labs use that stack, one at a time on the whole machine:
faults on services act on it (a stopped Postgres is stopped for everybody) and are healed; links go
through proxies of the lab's own in its Toxiproxy, so its own proxies and apps are not touched; and
at the end, or when the lab dies, it is left as it was found. Where it does not run, the session
starts a copy under a name and on ports of its own, and takes it down with its volumes; so every
worker of pytest-xdist has one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import fields
from typing import cast

from chaoslab.errors import Problem, SpecError
from chaoslab.history.events import PastProxy
from chaoslab.machine.environment import environment
from chaoslab.machine.watchdog import MARK_PREFIX
from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.compose import restore as restoring
from chaoslab.runtimes.compose.file import ComposeFile, beside, read
from chaoslab.runtimes.compose.restore import Facts, Server, restore
from chaoslab.runtimes.compose.servers import StackRedis
from chaoslab.runtimes.compose.stack import ComposeStack, environment_of
from chaoslab.runtimes.compose.tool import Compose, found
from chaoslab.runtimes.compose.turn import Turn
from chaoslab.runtimes.compose.up import Start, standing
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.engine import Engine
from chaoslab.runtimes.containers.runtime import ContainerRuntime
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.runtimes.containers.stack import PROXY_NAME, Stack
from chaoslab.runtimes.containers.switch import Switch

PROJECT = "COMPOSE_PROJECT_NAME"


class ComposeSession(DockerSession):
    """Labs of one topology on a Compose stack; `close` leaves nothing of them behind."""

    name = "compose"
    past_proxy: PastProxy = "not observed"  # the file's networks are the user's

    def __init__(self, topology: Topology, proxy: ProxyKind) -> None:
        super().__init__(topology, proxy)
        self._turn: Turn | None = None
        self._keeper: Keeper | None = None

    def check(self) -> None:
        """Whether an engine and a Compose answer, and the file has all of the topology.

        Raises SpecError for a file or an option that does not fit, RuntimeUnavailable otherwise.
        """
        if self._proxy == "embedded":
            what = "a Compose stack has a Toxiproxy of its own, which the lab uses"
            fix = "leave the option out, or use --chaos-runtime=docker"
            raise SpecError([Problem(where="--chaos-proxy=embedded", what=what, fix=fix)])
        super().check()
        self._read()

    @asynccontextmanager
    async def lab(self) -> AsyncIterator[ContainerRuntime]:
        """A runtime for one lab; the first one finds the stack, or starts it.

        Raises RuntimeUnavailable or ServiceFailed, with the fix.
        """
        if self._turn is None:
            self._turn = Turn(beside(self._topology))
        if self._stack is None or self._keeper is not None:
            await self._turn.take()
        try:
            async with super().lab() as runtime:
                if self._keeper is not None:
                    self._keeper.busy()
                yield runtime
        finally:
            if self._keeper is not None:
                self._keeper.idle()
            self._turn.give_back()

    def close(self) -> None:
        """Take away what the session made, and leave a stack that it found as it was. Blocks.

        Safe to repeat. Raises ServiceFailed where something is left.
        """
        try:
            if self._keeper is not None and self._stack is not None and self._engine is not None:
                agent = self._stack.gateway.agent
                restore(self._engine, self._keeper.facts, agent, mid_lab=False)
        finally:
            try:
                super().close()
            finally:
                if self._keeper is not None:
                    self._keeper.end()
                    self._keeper = None
                if self._turn is not None:
                    self._turn.close()

    def _start(self) -> Stack:
        compose, file = self._read()
        self._engine = Engine(self._id)
        self._switch = Switch(self._id, self._engine.base_url)
        there = standing(self._engine, file, self._topology)
        assert self._turn is not None
        if there is None:
            self._turn.give_back()  # the stack will be this session's alone
        start = Start(
            engine=self._engine, compose=compose, file=file, topology=self._topology,
            ports=self._ports,
        )  # fmt: skip
        stack = ComposeStack(
            self._engine, topology=self._topology, file=file,
            containers=start.up() if there is None else there, ports=self._ports,
            new=there is None,
        )  # fmt: skip
        if there is not None:
            facts = _facts(stack, f"lab_{self._id.replace('-', '_')}_", self._topology)
            self._keeper = Keeper(facts, f"{self._id}-keeper", self._turn.fd)
        return stack

    def _read(self) -> tuple[Compose, ComposeFile]:
        path = beside(self._topology)
        chosen = images.chosen(self._topology.images)
        env = {
            images.VARIABLE.format(field.name.upper()): str(getattr(chosen, field.name))
            for field in fields(chosen)
        }
        compose = found({**env, "DOCKER_HOST": engine_address().url})
        usual = re.sub(r"[^-_a-z0-9]", "", path.parent.resolve().name.lower()).lstrip("-_")
        file = read(compose, path, environment().get(PROJECT) or usual)
        file.check(self._topology)
        return compose, file


class Keeper:
    """This end of the process that restores the stack if this one dies (`restore.py`)."""

    def __init__(self, facts: Facts, session: str, turn: int) -> None:
        self.facts = facts
        machine = environment()
        # Without marks in its environment it is not taken for a part of a lab around this one.
        unmarked = {name: machine[name] for name in machine if not name.startswith(MARK_PREFIX)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", restoring.__name__, session, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=unmarked,
            bufsize=0,
            start_new_session=True,
            pass_fds=(turn,),
        )

    @property
    def pid(self) -> int:
        """The keeper's own process."""
        return self._process.pid

    def busy(self) -> None:
        """A lab begins: from now on there may be something to restore."""
        self._tell(f"busy {self.facts.as_json()}")

    def idle(self) -> None:
        """A lab has ended, and has taken back what it did."""
        self._tell("idle")

    def end(self) -> None:
        """Nothing is left to restore. Blocks until the keeper is gone; safe to repeat."""
        self._tell("end")
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(line.encode() + b"\n")


def _facts(stack: ComposeStack, prefix: str, topology: Topology) -> Facts:
    servers: dict[str, Server] = {}
    for name, box in stack.boxes.items():
        number = 0
        if isinstance(box.server, StackRedis):
            box.server.choose(box.published)
            number = box.server.number
        env: Mapping[str, str] = environment_of(box.container)
        servers[name] = Server(
            kind=topology.services[name].kind,
            container=str(box.container.id),
            published=box.published,
            env={key: value for key, value in env.items() if key.startswith("POSTGRES_")},
            number=number,
        )
    return Facts(
        prefix=prefix,
        api=f"http://{stack.gateway.api}",
        toxiproxy=cast("str", stack.containers[PROXY_NAME].id),
        agent_image=stack.agent_image,
        servers=servers,
    )
