"""The process: one bound port, one event loop, and the exit status."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator, Sequence

import uvicorn

from chaoslab.reference.backend import logs
from chaoslab.reference.backend.app import build_app
from chaoslab.reference.backend.health import HealthChecks
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.phases import PHASES
from chaoslab.reference.backend.sequence import Phase, StartUp, StartupFailed, start_up
from chaoslab.reference.backend.settings import Settings

EXIT_PORT_TAKEN = 1
EXIT_STARTUP_FAILED = 3
GRACE_S = 0.3  # for requests that are being answered when we are told to stop


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


def run(
    settings: Settings,
    *,
    phases: Sequence[Phase] = PHASES,
    parts: Parts | None = None,
    health: HealthChecks | None = None,
    sequence: StartUp = start_up,
) -> int:
    """Serve until told to stop; returns the exit status. The last log line says why it failed."""
    logs.set_up(settings.log_level, lambda: "boot")
    log = logging.getLogger("backend")
    try:
        sock = socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        log.error("cannot listen on %s:%d: %s", settings.host, settings.port, error.strerror)
        return EXIT_PORT_TAKEN
    failures: list[StartupFailed] = []

    def failed(failure: StartupFailed) -> None:
        failures.append(failure)
        server.should_exit = True

    app = build_app(
        settings,
        phases=phases,
        parts=parts,
        health=health,
        sequence=sequence,
        on_failed=failed,
    )
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
        log.error("%s", failures[0])
        return EXIT_STARTUP_FAILED
    return 0
