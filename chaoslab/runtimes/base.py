"""Where a topology runs: the contract that every runtime keeps, and the lab's environment.

Everything here is asynchronous, bounded in time, and safe to call twice. A runtime owns every
process, container, port and folder that it makes and takes all of it away on exit, after the
death of the test process too (a dead-man's switch, not an exit handler).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chaoslab.spec.topology import Service


def environment() -> dict[str, str]:
    """A copy of the machine's environment as it is now; nothing else of the lab reads it."""
    return dict(os.environ)  # noqa: TID251


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address on loopback."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSocket:
    """A TCP socket of the app, as the kernel shows it: state as in `SYN_SENT`, `ESTABLISHED`,
    `LISTEN`; for a listener the remote port is 0.
    """

    state: str
    local_port: int
    remote_port: int


class RunningService(Protocol):
    """A real server that runs. Its address stays the same across stop, kill and restart."""

    @property
    def service(self) -> Service:
        """What the topology says of it."""

    @property
    def endpoint(self) -> Endpoint:
        """Its own address, not the proxied one; only the lab uses it."""

    @property
    def version(self) -> str:
        """Server and version for people, as in `PostgreSQL 16.14 (wheel)` or `Valkey 8.1.8`."""

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of this service as seen through `endpoint` (a proxy's address)."""

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
    def endpoint(self) -> Endpoint:
        """Where it was told to listen."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets of the process (and its children) right now, from the kernel.

        Raises RuntimeUnavailable where the platform does not show them.
        """

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """Its last log lines (stdout and stderr together)."""

    async def terminate(self, grace_s: float = 2.0) -> int:
        """SIGTERM, then SIGKILL after `grace_s`; returns the exit code."""


class Helper(Protocol):
    """A process of the lab's own, such as the proxy engine. Its stdin is held open by the lab, so
    that it may end when the lab does.
    """

    @property
    def pid(self) -> int: ...

    async def readline(self, within_s: float) -> str:
        """Its next line on stdout, without the line end.

        Raises ServiceFailed with the tail of its log where it ends or says nothing in time.
        """

    async def terminate(self, grace_s: float = 2.0) -> int:
        """SIGTERM, then SIGKILL after `grace_s`; returns the exit code."""


class Runtime(Protocol):
    """Starts services, helper processes and apps; an async context manager."""

    @property
    def name(self) -> str:
        """`local`, `docker`, …; stands in every report."""

    async def start_service(self, service: Service) -> RunningService:
        """Start a service and wait until it answers its protocol.

        Raises RuntimeUnavailable (no binary; says how to get one) or ServiceFailed (log tail).
        """

    async def spawn_app(
        self, *, name: str, command: tuple[str, ...], env: Mapping[str, str], port: int, log: Path
    ) -> RunningApp:
        """Spawn a process under test; returns at once, without waiting for anything it does.

        `command` and `env` are final (no placeholders); the environment is the machine's plus
        `env`. Output of both streams is appended to `log`. Raises ServiceFailed if the program
        cannot be executed.
        """

    async def spawn_helper(
        self, *, command: tuple[str, ...], env: Mapping[str, str], log: Path
    ) -> Helper:
        """Spawn a process of the lab's own; its stderr goes to `log`. Raises ServiceFailed."""

    async def free_port(self) -> int:
        """A loopback port that nobody listens on, not handed out twice by this runtime."""
