"""The local runtime: real servers, apps and helpers as processes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from chaoslab.errors import ServiceFailed
from chaoslab.runtimes.base import environment
from chaoslab.runtimes.local.app import LocalApp, app_environment
from chaoslab.runtimes.local.binaries import find_postgres, find_redis
from chaoslab.runtimes.local.helper import LocalHelper
from chaoslab.runtimes.local.places import cache_folder, lab_folder, make_home, server_identity
from chaoslab.runtimes.local.ports import Ports
from chaoslab.runtimes.local.process import size, spawn
from chaoslab.runtimes.local.servers import (
    RedisServer,
    Server,
    postgres_server,
    prepared,
)
from chaoslab.runtimes.local.service import LocalService, PortTaken
from chaoslab.runtimes.local.watchdog import Watchdog
from chaoslab.seeds import fresh_seed
from chaoslab.spec.topology import Service

_TRIES = 5
_KEPT = ("PATH", "LD_LIBRARY_PATH")


class LocalRuntime:
    """Implements `Runtime` without containers; an async context manager.

    On exit, and when this process dies in whatever way, every process that was started here and
    the lab's folder go away; a port that was handed out is free again.
    """

    name = "local"

    def __init__(self) -> None:
        lab_id = f"{os.getpid()}-{fresh_seed():08x}"
        self._mark = f"CHAOSLAB_LAB_{lab_id.replace('-', '_')}"
        self._folder = lab_folder(lab_id)
        self._identity = server_identity()
        self._ports = Ports()
        self._watchdog: Watchdog | None = None
        self._running: list[LocalService | LocalApp | LocalHelper] = []

    @property
    def folder(self) -> Path:
        """Where the lab's data lies while it runs."""
        return self._folder

    async def __aenter__(self) -> Self:
        # The watchdog knows mark and folder before there is anything to take away.
        self._watchdog = Watchdog(mark=f"{self._mark}=1", folder=self._folder)
        self._folder.mkdir()
        # The servers' user passes through, whatever the umask.
        self._folder.chmod(0o711)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def start_service(self, service: Service) -> LocalService:
        """Start a server on a port of its own with fresh data, and wait until it answers.

        Raises RuntimeUnavailable (no program that fits, with every refusal and the mend) or
        ServiceFailed (with its last log lines).
        """
        watchdog = self._entered()
        server = await asyncio.to_thread(self._server, service)
        home = self._folder / re.sub(r"[^\w-]", "_", service.name)
        make_home(home, server.identity)
        await prepared(server, home, self._server_env())
        for tries in range(1, _TRIES + 1):
            port = self._ports.take()
            running = LocalService(
                service=service, server=server, port=port, home=home,
                env=self._server_env(), watch=watchdog.watch_session,
            )  # fmt: skip
            self._running.append(running)
            try:
                await running.start()
            except PortTaken:
                self._running.remove(running)
                if tries == _TRIES:
                    raise
            else:
                return running
        raise AssertionError("unreachable")

    async def spawn_app(
        self, *, name: str, command: tuple[str, ...], env: Mapping[str, str], port: int, log: Path
    ) -> LocalApp:
        """Spawn a process under test; returns at once, without waiting for anything it does."""
        watchdog = self._entered()
        start = size(log)
        try:
            process = spawn(command, env=self._app_env(env), log=log)
        except ServiceFailed as error:
            raise ServiceFailed(f"{name}: {error}") from None
        watchdog.watch_session(process.pid)
        app = LocalApp(name=name, process=process, port=port, log=log, log_start=start)
        self._running.append(app)
        return app

    async def spawn_helper(
        self, *, command: tuple[str, ...], env: Mapping[str, str], log: Path
    ) -> LocalHelper:
        """Spawn a process of the lab's own, its stdin held open and its stdout read.

        It should end when its stdin closes; if it does not, it is killed.
        """
        watchdog = self._entered()
        process = spawn(command, env=self._app_env(env), log=log, piped=True)
        watchdog.watch_session(process.pid)
        name = Path(command[0]).name
        helper = await LocalHelper.attach(name=name, process=process, log=log)
        self._running.append(helper)
        return helper

    async def free_port(self) -> int:
        """A loopback port that nobody listens on, handed out once on this machine."""
        return self._ports.take()

    def _entered(self) -> Watchdog:
        assert self._watchdog is not None, "a LocalRuntime is used inside `async with`"
        return self._watchdog

    def _server(self, service: Service) -> Server:
        if service.kind == "redis":
            binary = find_redis()
            return RedisServer(version=binary.version, program=binary.path)
        return postgres_server(
            find_postgres(), self._identity, cache_folder=cache_folder(self._identity),
            scratch=self._folder, env=self._server_env(),
        )  # fmt: skip

    def _server_env(self) -> dict[str, str]:
        # Nothing of PGPORT and its like; the user's other settings are no server's business.
        machine = environment()
        kept = {name: machine[name] for name in _KEPT if name in machine}
        return kept | {self._mark: "1", "LC_ALL": "C", "TZ": "UTC"}

    def _app_env(self, env: Mapping[str, str]) -> dict[str, str]:
        return app_environment(environment()) | dict(env) | {self._mark: "1"}

    async def _close(self) -> None:
        for running in self._running:
            if isinstance(running, LocalHelper):
                running.let_go()
        if self._watchdog is not None:
            gone = await self._watchdog.finish()
            if not gone:
                raise ServiceFailed(
                    f"something of the lab could not be taken away; look into {self._folder} and "
                    f"for processes with {self._mark} in their environment"
                )
        for running in self._running:
            with contextlib.suppress(ProcessLookupError):
                await running.wait()
        self._ports.close()
