"""The loopback runtime: real servers, apps and helpers as processes that share one loopback.

The netns runtime is made of the same parts.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from chaoslab.agent import canary
from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.history.events import PastProxy
from chaoslab.machine import births, reaper
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import MARK_PREFIX, environment
from chaoslab.machine.places import lab_folder, make_home
from chaoslab.machine.ports import HOST, Ports, PortTaken, is_free
from chaoslab.machine.process import Child, spawn
from chaoslab.machine.sockets import port_taken, tree
from chaoslab.machine.trouble import with_place
from chaoslab.machine.watchdog import Watchdog
from chaoslab.model.plan import Plan
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import App, Service
from chaoslab.proxies import server
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.app_log import AppLog
from chaoslab.runtimes.base import AppStart, OutsideWatch, Preparer
from chaoslab.runtimes.external import ExternalService, external_service
from chaoslab.runtimes.local.app import LocalApp, app_environment
from chaoslab.runtimes.local.helper import LocalHelper
from chaoslab.runtimes.local.kept_data import KeptData
from chaoslab.runtimes.local.lookout import Lookout
from chaoslab.runtimes.local.output import Output
from chaoslab.runtimes.local.preparing import LocalPreparer
from chaoslab.runtimes.local.service import LOOK_EVERY_S, LocalService
from chaoslab.runtimes.parts import ApiPart, CheckedPart, Part
from chaoslab.seeds import fresh_seed
from chaoslab.services import kind_of, last_messages, question_of
from chaoslab.services.base import LocalServer, ability

NOT_REMOVED = ErrorCode(
    "lab.not_removed",
    "parts of the lab could not be removed",
    "Processes or files of a local lab remain after its end.",
)
PREPARED_WITHIN_S = 60.0
_TRIES = 5
_UNFIT = re.compile(r"[^\w-]")
_KEPT = ("PATH", "LD_LIBRARY_PATH")


class LocalRuntime:
    """Implements `Runtime` with processes of this machine; an async context manager.

    All parts share the machine's own loopback. On exit, or if this process dies, all of the lab's
    processes end, its folder is deleted, and its ports are free again.
    """

    name = "loopback"
    external = None
    python = sys.executable
    app_host = HOST
    past_proxy: PastProxy = "detected"

    def __init__(self, kept: KeptData | None = None) -> None:
        self._kept = kept
        self._restored = kept is not None and kept.complete
        lab_id = f"{os.getpid()}-{fresh_seed():08x}"
        self._mark = MARK_PREFIX + lab_id.replace("-", "_")
        self._folder = lab_folder(lab_id)
        self._ports = Ports()
        self._watchdog: Watchdog | None = None
        self._numbers = itertools.count(1)
        self._births, self._spawns = reaper.birthmarks(self._mark), itertools.count()
        self._services: list[LocalService] = []
        self._spawned: list[subprocess.Popen[bytes]] = []
        self._helpers: list[LocalHelper] = []
        self._outputs: list[Output] = []
        self._parts: list[Part] = []
        self._apps: list[LocalApp] = []
        self.lookout: Lookout | None = Lookout(self._own_processes, self._boot_of)
        self.outside_watch: OutsideWatch | None = None

    @property
    def folder(self) -> Path:
        """The folder of the lab's data. It exists only while the lab runs."""
        return self._folder

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of this lab: its watchdog, the proxy server and every service."""
        watchdog = CheckedPart(
            name="the lab's watchdog", look_every_s=LOOK_EVERY_S, check=self._entered().trouble
        )
        return (watchdog, *self._parts, *self._services)

    @property
    def preparer(self) -> Preparer:
        """Runs the commands on shared loopback."""
        return LocalPreparer(
            boot=lambda start: self._noted(self._boot(start, self._spawn_outside, LocalApp)),
            services=list(self._services),
            kept=self._kept,
            restored=self._restored,
        )

    def check(self, plan: Plan) -> None:
        """Do nothing: every plan can be carried out here."""

    async def __aenter__(self) -> Self:
        # The watchdog knows mark and folder before anything is made.
        self._watchdog = Watchdog(mark=f"{self._mark}=1", folder=self._folder)
        self._folder.mkdir()
        # The servers' user must be able to enter it, whatever the umask.
        self._folder.chmod(0o711)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def start_service(self, service: Service) -> LocalService | ExternalService:
        """Start a server with fresh data on a free port, and wait until it answers.

        A service to which the topology gives a URL runs already: the lab only checks that it
        answers. Raises RuntimeUnavailable, with the reasons and the fix, if no program is usable;
        ServiceFailed, with the server's last log lines, if the server fails.
        """
        if address := kind_of(service.kind).elsewhere(service):
            return await external_service(service, address, named_by=f"services.{service.name}.url")
        watchdog = self._entered()
        server = await asyncio.to_thread(self._server, service)
        # Numbered, since different names may become the same folder name.
        home = self._folder / f"{next(self._numbers)}-{_UNFIT.sub('_', service.name)}"
        make_home(home, server.identity)
        async with asyncio.timeout(PREPARED_WITHIN_S):
            if not await self._has_kept_data(service, home):
                await server.prepare(home, self._server_env())
        for tries in range(1, _TRIES + 1):
            port = self._ports.take()
            running = LocalService(
                service=service, server=server, port=port, home=home,
                env=self._env_of(service, port), watch=watchdog.watch_session,
                cwd=Path.cwd() if kind_of(service.kind).variables else None,
            )  # fmt: skip
            self._services.append(running)
            try:
                await running.start()
            except PortTaken:
                self._services.remove(running)
                if tries == _TRIES:
                    raise
            else:
                return running
        raise AssertionError("unreachable")

    async def _has_kept_data(self, service: Service, home: Path) -> bool:
        """Unpack the data that an earlier lab of the session has kept, if this lab uses it."""
        if self._kept is None or not self._restored:
            return False
        return await self._kept.restore(service.name, home, self._server_env())

    async def spawn_app(self, start: AppStart) -> LocalApp:
        """Spawn a boot of an app; does not wait until the app is ready.

        The app's environment is the machine's, plus the boot's `env`. Raises ServiceFailed if the
        program cannot be executed, or if another process listens on a port of the app: the answers
        of that process would seem to be the app's. Port 0 is not checked.
        """
        name, port = start.app.name, start.port
        for each in (port, *start.ports.values()):
            if each and not is_free(each):
                raise PortTaken(port_taken(name, each))
        return self._noted(self._boot(start, self._spawn_outside, LocalApp))

    def _noted(self, running: LocalApp) -> LocalApp:
        """The same process, in the list of those that the lab has spawned for apps."""
        self._apps.append(running)
        return running

    def _boot(
        self,
        start: AppStart,
        spawn_it: Callable[[AppStart, int], Child],
        made: Callable[..., LocalApp],
    ) -> LocalApp:
        """Spawn a boot with `spawn_it`, which gets the descriptor of its output, and return it as
        an instance that `made` makes.
        """
        name = start.app.name
        output, spawned_s = Output(AppLog(start.log, start.mask)), now_s()
        self._outputs.append(output)
        try:
            process = spawn_it(start, output.write_end)
        except ServiceFailed as error:
            raise with_place(error, name) from None
        output.begin()
        birthmark = self._births[next(self._spawns)]
        births.set_birthmark(tree(process.pid), birthmark)
        return made(
            name=name, process=process, port=start.port, ports=start.ports, output=output,
            spawned_s=spawned_s, birthmark=birthmark,
        )  # fmt: skip

    def _spawn_outside(self, start: AppStart, output: int) -> Child:
        folder = Path(start.app.cwd) if start.app.cwd else None
        return self._spawn(start.command, env=start.env, log=start.log, output=output, cwd=folder)

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> ToxiproxyControl:
        """Start the embedded engine, or a Toxiproxy found on PATH, as a process; returns its
        control.
        """

        name = "the proxy engine" if kind == "embedded" else "the Toxiproxy server"

        def spawn(command: tuple[str, ...]) -> LocalHelper:
            helper = self.spawn_helper(name, command, log=log)
            self._parts.append(
                CheckedPart(name=name, look_every_s=LOOK_EVERY_S, check=helper.trouble)
            )
            return helper

        control = await server.start(
            kind, port=self._ports.take(), seed=seed, last_messages=last_messages(), spawn=spawn
        )
        self._parts.append(
            ApiPart(name=name, host=control.host, port=control.port, tells_end=False)
        )
        return control

    def proxied(self, port: int) -> Endpoint:
        """The address of `port` of the proxy server on loopback, which all parts share."""
        return Endpoint(host=HOST, port=port)

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting:
        """Send a canary to `address` from this process, which is in the same network as every app.
        Returns what the canary observed.
        """
        del app
        return await canary.ask(address.host, address.port, question_of(service), within_s=within_s)

    async def app_port(self, app: App) -> int:
        """The port that the topology declares for the app, or a free one."""
        return app.port or await self.free_port()

    async def named_ports(self, app: App) -> Mapping[str, int]:
        """A free port for each of the app's names of ports."""
        return {name: await self.free_port() for name in app.port_names}

    def spawn_helper(
        self, name: str, command: tuple[str, ...], *, log: Path, descriptors: Sequence[int] = ()
    ) -> LocalHelper:
        """Spawn a helper process of the lab, such as its proxy server, with its stdin held open.

        The helper should end when its stdin closes; else it is killed. It inherits `descriptors`.
        """
        process = self._spawn(command, env={}, log=log, stdin_open=True, descriptors=descriptors)
        helper = LocalHelper(name=name, process=process, log=log)
        self._helpers.append(helper)
        return helper

    async def free_port(self) -> int:
        """A port of loopback on which nobody listens and that no other lab has."""
        return self._ports.take()

    def _own_processes(self) -> Iterator[int]:
        yield os.getpid()
        yield from (helper.pid for helper in self._helpers)
        for service in self._services:
            yield from tree(service.pid) if service.pid is not None else ()

    def _boot_of(self, pid: int) -> int:
        """The number of the main process of the app's boot that started the process `pid`; 0 if no
        boot did.
        """
        birthmark = reaper.birthmark(pid)
        for app in self._apps:
            if birthmark == app.birthmark or pid in tree(app.pid):
                return app.pid
        return 0

    def _entered(self) -> Watchdog:
        assert self._watchdog is not None, "a LocalRuntime is used inside `async with`"
        return self._watchdog

    def _spawn(
        self,
        command: tuple[str, ...],
        *,
        env: Mapping[str, str],
        log: Path,
        cwd: Path | None = None,
        stdin_open: bool = False,
        output: int | None = None,
        descriptors: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        watchdog = self._entered()
        process = spawn(
            command,
            env=self._env_with(env),
            log=log,
            cwd=cwd,
            stdin_open=stdin_open,
            output=output,
            descriptors=descriptors,
        )
        # Noted first, so that it is waited for, whatever happens next.
        self._spawned.append(process)
        watchdog.watch_session(process.pid)
        return process

    def _env_with(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment of an app or helper: the machine's, `env`, and the lab's mark."""
        return {**app_environment(environment()), **env, self._mark: "1"}

    def _server(self, service: Service) -> LocalServer:
        kind = kind_of(service.kind)
        fix = "run it in containers (--chaos-runtime=docker), or attach to one that runs"
        local = ability(kind.local, kind, "run as a process", fix)
        return local(service, self._folder, self._server_env())

    def _env_of(self, service: Service, port: int) -> dict[str, str]:
        """The environment variables with which a service's server is started on `port`. A service
        that runs a command of the topology also gets the machine's variables.
        """
        variables = kind_of(service.kind).variables
        if variables is None:
            return self._server_env()
        machine = app_environment(environment())
        return {**machine, **variables(service, port), self._mark: "1"}

    def _server_env(self) -> dict[str, str]:
        # Without PGPORT and the like, which would change how a server starts.
        machine = environment()
        kept = {name: machine[name] for name in _KEPT if name in machine}
        return kept | {self._mark: "1", "LC_ALL": "C", "TZ": "UTC"}

    async def _close(self) -> None:
        for helper in self._helpers:
            helper.close()
        gone = self._watchdog is None or await self._watchdog.end_lab()
        self._ports.close()
        if not gone:
            fix = f"check {self._folder}, and processes with {self._mark} in their environment"
            raise ServiceFailed(Problem(reason=NOT_REMOVED(), fix=fix))
        for process in self._spawned:
            process.wait()
        for output in self._outputs:
            output.close()
        for service in self._services:
            await service.wait()
