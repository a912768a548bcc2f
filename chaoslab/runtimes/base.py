"""The contract that every runtime keeps.

Every call is bounded in time and may be repeated. A runtime removes every process, container, port
and folder that it made: when it exits, and by a dead-man's switch when the test process dies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chaoslab.history.events import PastProxy
from chaoslab.machine.births import LeftProcess
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket
from chaoslab.model.mask import Mask
from chaoslab.model.plan import Plan
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import App, Link, Service
from chaoslab.proxies.base import ProxyControl, ProxyKind
from chaoslab.runtimes.parts import Part
from chaoslab.services.base import ServerView


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerClient:
    """A connection to a server that neither the lab nor its proxy server opened.

    `pid` is the process that holds it, 0 if the machine does not show it. `boot_pid` is the main
    process of the app's boot that started it, 0 if none did.
    """

    server: Endpoint
    local_port: int
    pid: int
    process: str
    boot_pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStart:
    """What a boot of an app is started with.

    `command` and `env` are final: they have no placeholders. The app should listen on `port`. The
    log gets the app's output without what `mask` hides, cut as in `app_log`.
    """

    app: App
    command: tuple[str, ...]
    env: Mapping[str, str]
    port: int
    log: Path
    mask: Mask = field(default_factory=Mask)


class RunningService(Protocol):
    """A real server that runs. Its address does not change when it is stopped and started."""

    @property
    def service(self) -> Service:
        """Its declaration in the topology."""

    @property
    def endpoint(self) -> Endpoint:
        """The server's own address, past every proxy, for the lab."""

    @property
    def upstream(self) -> Endpoint:
        """The server's own address for the proxy server."""

    @property
    def version(self) -> str:
        """Product and version for people, as in `PostgreSQL 16.14 (wheel)` or `Valkey 8.1.8`."""

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of this service through `endpoint`, such as a proxy's address."""

    async def ask(self, *, within_s: float) -> Sighting:
        """One small exchange of the lab with the server, past every proxy; at most `within_s`."""

    async def stop(self) -> None:
        """Orderly shutdown; returns when the port is closed."""

    async def kill(self) -> None:
        """SIGKILL, as in a crash; returns when the port is closed."""

    async def start(self) -> None:
        """Start on the same port with the same data; returns when it answers its protocol."""

    async def pause(self) -> None:
        """Freeze its processes (SIGSTOP): connections stay open and get no answer."""

    async def resume(self) -> None:
        """Undo `pause`."""


class RunningApp(Protocol):
    """One boot of an app: its process and its log."""

    @property
    def pid(self) -> int: ...

    @property
    def spawned_s(self) -> float:
        """When its process started, on the machine's monotonic clock."""

    @property
    def endpoint(self) -> Endpoint:
        """The app's address for the lab."""

    @property
    def listens_on(self) -> int:
        """The port on which it should listen, as the kernel of its network namespace shows it."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; a negative number is the signal that ended it."""

    async def exited(self) -> int:
        """Wait until the process ends; returns the exit code. Last log lines may come later."""

    async def wait(self) -> int:
        """Wait until the process and its log have ended; returns the exit code."""

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets that the process and its children hold now, from the kernel.

        Raises RuntimeUnavailable if the platform does not show them.
        """

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of its log, stdout and stderr together."""

    async def terminate(self, grace_s: float = 2.0) -> int:
        """SIGTERM, then SIGKILL after `grace_s`; returns the exit code.

        Processes that the app leaves running are ended too.
        """

    @property
    def left_running(self) -> tuple[LeftProcess, ...]:
        """Processes that `terminate` found alive after the app's own process had ended.

        After SIGKILL, only those outside its process tree and its session. Empty before
        `terminate`.
        """


class Lookout(Protocol):
    """Finds connections to servers that do not go through the proxy, of any process."""

    def look(self, servers: Iterable[Endpoint]) -> tuple[ServerClient, ...]:
        """The open connections that were not returned before.

        Raises OSError if the machine does not show them.
        """

    def name_of(self, pid: int) -> str:
        """The name of that process; empty where it is gone or not shown."""


class ExternalSystem(Protocol):
    """A system that ran before the lab and goes on after it. The lab never stops it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for people on the state in which the lab found it."""

    def check(self, plan: Plan) -> None:
        """Raise FaultUnsupported, with every reason, if the plan needs to start or stop it."""

    async def sessions(self, link: Link) -> ServerView | None:
        """The link's sessions as its server shows them.

        None if the server cannot be asked, or if the proxy's own records are better evidence.
        """


class Runtime(Protocol):
    """Starts services, helper processes and apps; an async context manager."""

    @property
    def name(self) -> str:
        """Its name in the table of runtimes; every report has it."""

    @property
    def external(self) -> ExternalSystem | None:
        """The system under test if this runtime starts nothing; None for the others."""

    @property
    def python(self) -> str:
        """The Python interpreter for an app's command, where apps run."""

    @property
    def app_host(self) -> str:
        """The address on which an app should listen."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that this runtime runs for the lab now; external parts are left out."""

    @property
    def past_proxy(self) -> PastProxy:
        """Whether an app's connection past the proxy is prevented, detected or not observed."""

    @property
    def lookout(self) -> Lookout | None:
        """Finds such connections if they are `detected`; None elsewhere."""

    async def start_service(self, service: Service) -> RunningService:
        """Start a service and wait until it answers its protocol.

        Raises RuntimeUnavailable (no program or image; with the fix) or ServiceFailed.
        """

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> ProxyControl:
        """Start the lab's proxy server and wait until its API answers; it ends with the lab.

        Raises RuntimeUnavailable, with the fix, if there is none of that kind.
        """

    def proxied(self, port: int) -> Endpoint:
        """The address of that port of the proxy server, for an app."""

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting | None:
        """Send a canary: one exchange with `service` at `address`, from the network of `app`.

        None if the lab cannot connect from there.
        """

    async def app_port(self, app: App) -> int:
        """The port on which the next boot of `app` should listen."""

    async def spawn_app(self, start: AppStart) -> RunningApp:
        """Spawn a boot of an app; returns at once.

        The lab appends the output of both streams to the log; the app has neither the file nor its
        path. Raises ServiceFailed if the program cannot be executed.
        """


class RuntimeSession(Protocol):
    """What the labs of one pytest session share, such as containers. One lab uses it at a time."""

    def check(self) -> None:
        """Check, without starting anything, whether a lab can run here.

        Raises RuntimeUnavailable, with the fix, if none can.
        """

    def lab(self) -> AbstractAsyncContextManager[Runtime]:
        """A runtime for one lab. Raises RuntimeUnavailable or ServiceFailed, with the fix."""

    def close(self) -> None:
        """Remove all that the session made; safe to repeat. Blocks.

        Raises ServiceFailed if something is left.
        """
