"""The protocols that every runtime implements.

Every call is bounded in time and may be repeated. A runtime removes every process, container, port
and folder that it made: on its exit, or by a dead-man's switch if the test process dies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

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
    """A connection to a service's server that neither the lab nor its proxy server opened.

    `pid` is the process that holds the connection, 0 if the machine does not show it. `boot_pid` is
    the main process of the app's boot that started this process, 0 if no boot did.
    """

    server: Endpoint
    local_port: int
    pid: int
    process: str
    boot_pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStart:
    """What the runtime needs to start one boot of an app.

    `command` and `env` are final: they have no placeholders. The app should listen on `port`, which
    is 0 for a further process of the app.
    `ports` maps the names of its further ports to their numbers. The app's output goes to the file
    `log`, limited in size as in `app_log`, with secrets masked by `mask`.
    """

    app: App
    command: tuple[str, ...]
    env: Mapping[str, str]
    port: int
    ports: Mapping[str, int] = field(default_factory=dict)
    log: Path
    mask: Mask = field(default_factory=Mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one boot of an app uses: `rss_bytes` of resident memory now, `cpu_s` of processor time
    and `log_lines` and `log_bytes` of output so far.
    """

    rss_bytes: int
    cpu_s: float
    log_lines: int
    log_bytes: int


class RunningService(Protocol):
    """A real server that runs. Its address does not change when it is stopped and started."""

    @property
    def service(self) -> Service:
        """The service's declaration in the topology."""

    @property
    def endpoint(self) -> Endpoint:
        """The server's own address for the lab, not through a proxy."""

    @property
    def upstream(self) -> Endpoint:
        """The server's own address for the proxy server, which connects to it."""

    @property
    def version(self) -> str:
        """The server's product and version for people, as in `PostgreSQL 16.14 (wheel)` or `Valkey
        8.1.8`.
        """

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of this service through `endpoint`, such as a proxy's address."""

    async def ask(self, *, within_s: float) -> Sighting:
        """Send a canary from the lab to the server, not through a proxy. Returns what it observed,
        within `within_s` seconds.
        """

    async def stop(self) -> None:
        """Shut the server down in an orderly way; returns once its port is closed."""

    async def kill(self) -> None:
        """Kill the server with SIGKILL, as in a crash; returns once its port is closed."""

    async def start(self) -> None:
        """Start the server on the same port with the same data; returns once it answers its
        protocol.
        """

    async def pause(self) -> None:
        """Freeze the server's processes (SIGSTOP): connections stay open and get no answer."""

    async def resume(self) -> None:
        """Undo `pause`: let the frozen server run again."""


class RunningApp(Protocol):
    """One boot of an app: its process and its log."""

    @property
    def pid(self) -> int: ...

    @property
    def spawned_s(self) -> float:
        """The time at which the app's process started, on the machine's monotonic clock."""

    @property
    def endpoint(self) -> Endpoint:
        """The app's address for the lab."""

    def endpoint_of(self, port: str) -> Endpoint:
        """The app's address for the lab at its further port of that name; `endpoint` if the name is
        empty.
        """

    @property
    def listens_on(self) -> int:
        """The port on which the app should listen, as seen in the app's own network namespace."""

    @property
    def exit_code(self) -> int | None:
        """The exit code of the app's process: None while it runs, negative if a signal ended it."""

    async def exited(self) -> int:
        """Wait until the app's process ends; returns the exit code. The last log lines may come
        later.
        """

    async def wait(self) -> int:
        """Wait until the app's process and its log have ended; returns the exit code."""

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets that the app's process and its children hold now, from the kernel.

        Raises RuntimeUnavailable if the platform does not show them.
        """

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of the app's log, stdout and stderr together."""

    async def terminate(self, grace_s: float = 2.0) -> int:
        """End the app: SIGTERM, then SIGKILL after `grace_s`; returns the exit code.

        Processes that the app leaves running are ended too.
        """

    @property
    def killed_after_s(self) -> float | None:
        """The `grace_s` after which `terminate` sent SIGKILL. None if it did not."""

    @property
    def left_running(self) -> tuple[LeftProcess, ...]:
        """Processes that `terminate` found alive after the app's own process had ended.

        If SIGKILL ended the app, only those outside its process tree and its session. Empty before
        `terminate`.
        """

    async def usage(self) -> Usage | None:
        """What the app's processes use now, and what they have used and printed so far.

        None if the app has ended, or if that is not observed here.
        """


class Lookout(Protocol):
    """Finds connections to servers that do not go through the proxy, of any process."""

    def look(self, servers: Iterable[Endpoint]) -> tuple[ServerClient, ...]:
        """The open connections to `servers` that avoid the proxy and that no earlier call returned.

        Raises OSError if the machine does not show them.
        """

    def name_of(self, pid: int) -> str:
        """The name of the process `pid`; empty if it has ended or the machine does not show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The attempts of an app at one address outside the lab: TCP connects or UDP datagrams.

    The times of the first and last are on the machine's monotonic clock. `names` are those that it
    looked up there, if the address is that of its DNS server.
    """

    app: str
    protocol: Literal["tcp", "udp"]
    host: str
    port: int
    count: int
    first_s: float
    last_s: float
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficOutside:
    """What apps sent to addresses outside the lab since it began.

    `uncounted` packets, of any app, are in none of the attempts: the apps tried too many addresses,
    or sent too fast.
    """

    attempts: tuple[Attempts, ...]
    uncounted: int


class OutsideWatch(Protocol):
    """Finds attempts of apps at addresses outside the lab, where these are unreachable."""

    async def seen(self) -> TrafficOutside:
        """All that it has seen since the lab began."""


class ExternalSystem(Protocol):
    """A system under test that ran before the lab and continues after the lab, which never
    stops it.
    """

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for people on the state in which the lab found the external system."""

    async def sessions(self, link: Link) -> ServerView | None:
        """The sessions of a link, as the service's own server reports them.

        None if the server cannot be queried, or if the proxy's own records are better evidence.
        """


class Preparer(Protocol):
    """Runs the `prepare` commands of apps, before their boots and past every proxy."""

    @property
    def restored(self) -> bool:
        """Whether the services of this lab were started with the data that an earlier lab of the
        session has kept, after it had run the commands.
        """

    def address(self, service: RunningService) -> Endpoint:
        """The address of a service for these commands, not through a proxy."""

    async def spawn(self, start: AppStart) -> RunningApp:
        """Start a command of an app, which is no boot of it, with the output as in `spawn_app`.

        Raises ServiceFailed if the program cannot be executed.
        """

    async def keep(self) -> None:
        """Keep the data of the services, all of which is as the commands have left it, for the
        later labs of the session. Nothing happens if the data of one of them cannot be kept.
        """


class Runtime(Protocol):
    """Starts services, helper processes and apps; an async context manager."""

    @property
    def name(self) -> str:
        """The runtime's name in the table of runtimes; every report has it."""

    @property
    def external(self) -> ExternalSystem | None:
        """The system under test if this runtime starts nothing; None if the runtime starts it."""

    @property
    def python(self) -> str:
        """The Python interpreter for an app's command, in the place where apps run."""

    @property
    def app_host(self) -> str:
        """The address on which an app should listen."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the lab that this runtime runs now, which are checked during the run;
        without external parts.
        """

    @property
    def past_proxy(self) -> PastProxy:
        """Whether an app's connection that avoids the proxy is prevented, detected or not
        observed.
        """

    @property
    def lookout(self) -> Lookout | None:
        """An object that finds connections which avoid the proxy, if `past_proxy` is `detected`;
        else None.
        """

    @property
    def outside_watch(self) -> OutsideWatch | None:
        """An object that finds attempts of apps at addresses outside the lab; None if apps can
        reach them, or if they are not observed.
        """

    @property
    def preparer(self) -> Preparer | None:
        """An object that runs the `prepare` commands; None if the apps run before the lab does."""

    def check(self, plan: Plan) -> None:
        """Raise FaultUnsupported or RuntimeUnavailable, with every reason, if this runtime cannot
        carry out the resolved plan. Nothing of the plan has begun.
        """

    async def start_service(self, service: Service) -> RunningService:
        """Start a service and wait until it answers its protocol.

        Raises RuntimeUnavailable, with the fix, if a program or an image is missing; ServiceFailed
        if the service fails.
        """

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> ProxyControl:
        """Start the lab's proxy server and wait until its API answers; returns its control.

        The server ends with the lab. Raises RuntimeUnavailable, with the fix, if this runtime
        cannot start a proxy server of that kind.
        """

    def proxied(self, port: int) -> Endpoint:
        """The address at which an app reaches the port `port` of the proxy server."""

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting | None:
        """Send a canary to `service` at `address`, from the network of `app`; returns what it
        observed.

        None if the lab cannot connect from there.
        """

    async def app_port(self, app: App) -> int:
        """The port on which the next boot of `app` should listen."""

    async def named_ports(self, app: App) -> Mapping[str, int]:
        """Maps each of `app.port_names` to the number of that port for the next boot of `app`."""

    async def spawn_app(self, start: AppStart) -> RunningApp:
        """Spawn a boot of an app; does not wait until the app is ready.

        The runtime appends stdout and stderr to the log; the app has neither the file nor its path.
        Raises ServiceFailed if the program cannot be executed.
        """


class RuntimeSession(Protocol):
    """What the labs of one pytest session share, such as containers. Only one lab uses it at a
    time.
    """

    def check(self) -> None:
        """Check, without starting anything, whether a lab can run here.

        Raises RuntimeUnavailable, with the fix, if none can.
        """

    @property
    def touches(self) -> tuple[str, ...]:
        """Lines that say what the labs change, ask and read outside themselves. Empty if they use
        only what they start.
        """
        ...

    def lab(self) -> AbstractAsyncContextManager[Runtime]:
        """A runtime for one lab. Raises RuntimeUnavailable or ServiceFailed, with the fix, if it
        cannot start.
        """

    def close(self) -> None:
        """Remove everything that the session made; safe to repeat. Blocks.

        Raises ServiceFailed if something remains.
        """
