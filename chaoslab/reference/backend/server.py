"""The backend's process: it binds the port, serves, and returns the exit status."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator, Sequence
from typing import TypedDict, Unpack

import uvicorn

from chaoslab.reference.backend import logs
from chaoslab.reference.backend.app import build_app
from chaoslab.reference.backend.health import HealthChecks
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.sequence import Phase, StartUp, StartupFailed
from chaoslab.reference.backend.settings import Settings

EXIT_PORT_TAKEN = 1
EXIT_STARTUP_FAILED = 3
GRACE_S = 0.3  # time to finish running requests after a signal to stop


class Build(TypedDict, total=False):
    """The parts that a defective build replaces: arguments of `build_app`, each optional."""

    phases: Sequence[Phase]
    parts: Parts
    health: HealthChecks
    sequence: StartUp


class Server(uvicorn.Server):
    """uvicorn's server, changed so that it exits with status 0 after a signal to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """While the block runs, SIGTERM and SIGINT stop the server."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let requests end within the grace time, then answer the others 503."""
        backend = self.config.app.state.backend  # type: ignore[union-attr]
        aborting = asyncio.get_running_loop().call_later(GRACE_S, backend.abort)
        try:
            await super().shutdown(sockets)
        finally:
            aborting.cancel()


def listen(settings: Settings) -> socket.socket | None:
    """Bind the port and return its socket.

    If the port cannot be bound, returns None, with the reason in the log.
    """
    logs.set_up(settings.log_level, lambda: "boot")
    try:
        return socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        logging.getLogger("backend").error(
            "cannot listen on %s:%d: %s", settings.host, settings.port, error.strerror
        )
        return None


def serve(sock: socket.socket, settings: Settings, **build: Unpack[Build]) -> int:
    """Serve on a bound port until a signal or a failed start-up; returns the exit status.

    After a failure the last log line has the reason.
    """
    failures: list[StartupFailed] = []

    def failed(failure: StartupFailed) -> None:
        failures.append(failure)
        server.should_exit = True

    app = build_app(settings, **build, on_failed=failed)
    server = Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2 * GRACE_S,  # type: ignore[arg-type]  # any number of seconds does
        )
    )
    with sock:
        server.run(sockets=[sock])
    if failures:
        logging.getLogger("backend").error("%s", failures[0])
        return EXIT_STARTUP_FAILED
    return 0


def run(settings: Settings, **build: Unpack[Build]) -> int:
    """Bind the port and serve; returns the exit status."""
    sock = listen(settings)
    return EXIT_PORT_TAKEN if sock is None else serve(sock, settings, **build)
