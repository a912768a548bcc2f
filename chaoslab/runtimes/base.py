"""Where a topology runs: the contract that every runtime keeps, and the lab's environment.

Everything here is asynchronous, bounded in time, and safe to call twice. A runtime owns every
process, container, port and folder that it makes and takes all of it away on exit, after the
death of the test process too (a dead-man's switch, not an exit handler).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
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

    `pid` holds it, 0 where the machine does not show that; `boot_pid` is the main process of the
    app's boot that this process came from, 0 where it came from none.
    """

    server: Endpoint
    local_port: int
    pid: int
    process: str
    boot_pid: int = 0


class RunningService(Protocol):
    """A real server that runs. Its address stays the same across stop, kill and restart."""

    @property
    def service(self) -> Service:
        """What the topology says of it."""

    @property
    def endpoint(self) -> Endpoint:
        """Its own address as the lab reaches it, past every proxy."""

    @property
    def upstream(self) -> Endpoint:
        """Its own address as the proxy server reaches it."""

    @property
    def version(self) -> str:
        """Server and version for people, as in `PostgreSQL 16.14 (wheel)` or `Valkey 8.1.8`."""

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of this service as seen through `endpoint` (a proxy's address)."""

    async def ask(self, *, within_s: float) -> Sighting:
        """What a client of its own meets there: one small exchange, bounded by `within_s`."""

    async def stop(self) -> None:
        """Orderly shutdown; returns when the port is closed."""

    async def kill(self) -> None:
        """SIGKILL, as a crash would be; returns when the port is closed."""

    async def start(self) -> None:
        """Start again on the same port with the same data; returns when it answers its protocol."""

    async def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and silent."""

    async def resume(self) -> None:
        """Undo `pause`."""


class RunningApp(Protocol):
    """One boot of an app: a process that was spawned, and its log."""

    @property
    def pid(self) -> int: ...

    @property
    def spawned_s(self) -> float:
        """When its process began, on the machine's monotonic clock."""

    @property
    def endpoint(self) -> Endpoint:
        """Where the lab reaches it."""

    @property
    def listens_on(self) -> int:
        """The port that it was told to listen on, as its own kernel shows it."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""

    async def exited(self) -> int:
        """Wait for its end; returns the exit code. Its last log lines may still be on their way."""

    async def wait(self) -> int:
        """Wait for its end and its log's; returns the exit code."""

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets of the process (and its children) right now, from the kernel.

        Raises RuntimeUnavailable where the platform does not show them.
        """

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """Its last log lines (stdout and stderr together)."""

    async def terminate(self, grace_s: float = 2.0) -> int:
        """SIGTERM, then SIGKILL after `grace_s`; returns the exit code.

        What the app leaves running is ended as well.
        """

    @property
    def left_running(self) -> tuple[LeftProcess, ...]:
        """What `terminate` found alive after the app's own process had ended by itself or of
        SIGTERM; after SIGKILL only what escaped its process tree and its session. Empty before.
        """


class Lookout(Protocol):
    """Looks for connections that reach a server past the proxy, whoever holds them."""

    def look(self, servers: Iterable[Endpoint]) -> tuple[ServerClient, ...]:
        """Those that stand now and were not told of before. Raises OSError where nothing shows."""

    def name_of(self, pid: int) -> str:
        """What the machine calls that process; empty where it is gone or not shown."""


class Standing(Protocol):
    """A system that stood before the lab came and goes on after it: watched, never stopped."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the state in which it was found."""

    def check(self, plan: Plan) -> None:
        """Raise FaultUnsupported, with every reason, where a resolved plan needs more than that."""

    async def sessions(self, link: Link) -> ServerView | None:
        """The link's sessions as its server shows them; None where it cannot be asked, or where
        something nearer to the app is seen.
        """


class Runtime(Protocol):
    """Starts services, helper processes and apps; an async context manager."""

    @property
    def name(self) -> str:
        """`local`, `docker`, …; stands in every report."""

    @property
    def standing(self) -> Standing | None:
        """What stands already, where this runtime starts nothing; None for the others."""

    @property
    def python(self) -> str:
        """The interpreter for an app's command, as it is called where apps run."""

    @property
    def app_host(self) -> str:
        """The address that an app is told to listen on."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """What this runtime runs for the lab by now; nothing of what stood before."""

    @property
    def past_proxy(self) -> PastProxy:
        """What becomes of an app's connection to a server's own address, past the proxy."""

    @property
    def lookout(self) -> Lookout | None:
        """Looks for such connections where they are `detected`; None elsewhere."""

    async def start_service(self, service: Service) -> RunningService:
        """Start a service and wait until it answers its protocol.

        Raises RuntimeUnavailable (no binary, no image; says how to get one) or ServiceFailed.
        """

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> ProxyControl:
        """Start the lab's proxy server and wait until its API answers; it ends with the lab.

        Raises RuntimeUnavailable, with the fix, where there is none of that kind.
        """

    def proxied(self, port: int) -> Endpoint:
        """How an app reaches that port of the proxy server."""

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting | None:
        """What a client of `service` meets at `address` from where `app` stands; a canary.

        None where the lab cannot stand there.
        """

    async def app_port(self, app: App) -> int:
        """The port that the next boot of `app` is told to listen on."""

    async def spawn_app(
        self,
        *,
        app: App,
        command: tuple[str, ...],
        env: Mapping[str, str],
        port: int,
        log: Path,
        mask: Mask | None = None,
    ) -> RunningApp:
        """Spawn a process under test; returns at once, without waiting for anything it does.

        `command` and `env` are final (no placeholders). Output of both streams is appended to
        `log` by the lab, as far as `app_log` keeps it and without what `mask` hides; the app gets
        neither the file nor its path. Raises ServiceFailed if the program cannot be executed.
        """


class RuntimeSession(Protocol):
    """What many labs share, such as containers that are started once: lent to one at a time."""

    def check(self) -> None:
        """Look, without starting anything, whether labs can be had here.

        Raises RuntimeUnavailable, with the fix, where they cannot.
        """

    def lab(self) -> AbstractAsyncContextManager[Runtime]:
        """A runtime for one lab. Raises RuntimeUnavailable or ServiceFailed, with the fix."""

    def close(self) -> None:
        """Take away all that the session made; safe to repeat. Blocks.

        Raises ServiceFailed where something is left.
        """
