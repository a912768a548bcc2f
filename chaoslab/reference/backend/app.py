"""The ASGI application: the routes of one backend. Start-up runs while the server answers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chaoslab.reference.backend import VERSION, requests, sockets
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.health import HealthCheck, HealthChecks
from chaoslab.reference.backend.metrics import Metrics
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.phases import PHASES
from chaoslab.reference.backend.record import StartupRecord
from chaoslab.reference.backend.sequence import Phase, StartUp, StartupFailed, start_up
from chaoslab.reference.backend.settings import Settings

OnFailed = Callable[[StartupFailed], None]


def ignore_failure(_failure: StartupFailed) -> None:
    """Do nothing after a failed start-up: the server stays up, and `/health` reports the
    failure.
    """


def build_app(
    settings: Settings,
    *,
    phases: Sequence[Phase] = PHASES,
    parts: Parts | None = None,
    health: HealthChecks | None = None,
    sequence: StartUp = start_up,
    on_failed: OnFailed = ignore_failure,
) -> FastAPI:
    """Make the ASGI application of a backend. Start-up begins with its lifespan, which does not
    wait for the end of the start-up.

    `app.state.backend` is the running backend. If start-up fails, `/health` reports it for the time
    `linger_s`; then `on_failed` is called once, in the event loop.
    """
    record = StartupRecord([phase.name for phase in PHASES])
    backend = Backend(settings, parts=parts or Parts(), record=record)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        begin = functools.partial(sequence, backend, phases)
        starting = asyncio.create_task(_start(begin, backend, on_failed), name="start-up")
        try:
            yield
        finally:
            starting.cancel()
            await asyncio.wait([starting], timeout=0.1)
            await backend.stop()

    app = FastAPI(
        title="chaoslab reference backend",
        version=VERSION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.backend = backend
    _add_health(app, backend, health or HealthChecks())
    app.include_router(requests.router(backend))
    app.include_router(sockets.router(backend))
    requests.handle_errors(app)
    app.add_middleware(CountRequests, metrics=backend.metrics)
    return app


async def _start(
    begin: Callable[[], Awaitable[None]], backend: Backend, on_failed: OnFailed
) -> None:
    try:
        await begin()
    except StartupFailed as failure:
        logging.getLogger("backend.startup").error("%s", failure)
        await asyncio.sleep(backend.settings.limits.linger_s)
        on_failed(failure)


def _add_health(app: FastAPI, backend: Backend, checks: HealthChecks) -> None:
    def serve(path: str, check: HealthCheck) -> None:
        async def answer() -> JSONResponse:
            found = check(backend)
            if inspect.isawaitable(found):
                found = await found
            return JSONResponse(found.body, status_code=found.status)

        app.add_api_route(path, answer, response_model=None)

    serve("/health", checks.overall)
    serve("/health/live", checks.live)
    serve("/health/ready", checks.ready)
    serve("/health/startup", checks.startup)

    @app.get("/metrics", response_model=None)
    async def metrics() -> Response:
        return Response(backend.metrics.render(), media_type="text/plain; version=0.0.4")


class CountRequests:
    """Counts answered requests by method, route template and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to the app and count the answer. WebSocket traffic is not counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The template of the path, because each id would make a new time series.
                route = getattr(scope.get("route"), "path", "unknown")
                self._metrics.requests.labels(scope["method"], route, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, counting)
