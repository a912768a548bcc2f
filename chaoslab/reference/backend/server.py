"""The process: one bound port, one event loop, and the exit status."""

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
GRACE_S = 0.3  # for requests that are being answered when we are told to stop


class Build(TypedDict, total=False):
    """What another build hands in, as `build_app` takes it."""

    phases: Sequence[Phase]
    parts: Parts
    health: HealthChecks
    sequence: StartUp


class Server(uvicorn.Server):
    """uvicorn's server; told to stop, it ends with status 0 instead of by the signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT."""
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
        """Stop listening, let requests end within the grace, then tell the others 503."""
        cut = asyncio.get_running_loop().call_later(GRACE_S, self.config.app.state.backend.cut)  # type: ignore[union-attr]
        try:
            await super().shutdown(sockets)
        finally:
            cut.cancel()


def listen(settings: Settings) -> socket.socket | None:
    """The bound port; None, with the reason in the log, where it cannot be had."""
    logs.set_up(settings.log_level, lambda: "boot")
    try:
        return socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        logging.getLogger("backend").error(
            "cannot listen on %s:%d: %s", settings.host, settings.port, error.strerror
        )
        return None


def serve(sock: socket.socket, settings: Settings, **build: Unpack[Build]) -> int:
    """Serve on a bound port until told to stop; returns the exit status.

    The last log line says why it failed.
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
    """Take the port and serve until told to stop; returns the exit status."""
    sock = listen(settings)
    return EXIT_PORT_TAKEN if sock is None else serve(sock, settings, **build)
