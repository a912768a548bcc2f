"""The routes for users: threads, messages and agent runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from chaoslab.reference.backend.backend import Backend, NotStarted, need
from chaoslab.reference.backend.chat import Event
from chaoslab.reference.backend.dependency import DependencyUnavailable
from chaoslab.reference.backend.threads import Message, Thread, ThreadService, UnknownThread


class NewThread(BaseModel):
    """The request body for a new thread (a conversation).

    With `id` the request may be repeated: the thread is stored once.
    """

    title: Annotated[str, Field(min_length=1, max_length=500)]
    id: UUID | None = None


class NewMessage(BaseModel):
    """The request body for a new message of a thread.

    With `id` the request may be repeated: the message is stored once.
    """

    content: Annotated[str, Field(min_length=1, max_length=100_000)]
    id: UUID | None = None


class NewRun(BaseModel):
    """The request body for an agent run for one user."""

    user: Annotated[str, Field(min_length=1, max_length=200)]
    prompt: Annotated[str, Field(min_length=1, max_length=100_000)]


def router(backend: Backend) -> APIRouter:
    """The routes for users of one backend: threads, messages and agent runs."""
    routes = APIRouter()

    @routes.post("/threads", status_code=201, response_model=None)
    async def create_thread(body: NewThread) -> dict[str, str]:
        thread_id = body.id or uuid4()
        await _threads(backend).create_thread(thread_id, body.title)
        return {"id": str(thread_id)}

    @routes.get("/threads/{thread_id}", response_model=None)
    async def get_thread(thread_id: UUID) -> dict[str, str]:
        return _json(await _threads(backend).thread(thread_id))

    @routes.post("/threads/{thread_id}/messages", status_code=201, response_model=None)
    async def add_message(thread_id: UUID, body: NewMessage) -> dict[str, str]:
        message_id = body.id or uuid4()
        await _threads(backend).add_message(thread_id, message_id, body.content)
        return {"id": str(message_id)}

    @routes.get("/threads/{thread_id}/messages", response_model=None)
    async def list_messages(thread_id: UUID) -> list[dict[str, str]]:
        return [_json(message) for message in await _threads(backend).messages(thread_id)]

    @routes.post("/runs", status_code=201, response_model=None)
    async def run_agent(body: NewRun) -> dict[str, object]:
        _started(backend)
        bridge = need(backend.bridge, "the bridge")
        supervisor = need(backend.supervisor, "the agents' supervisor")
        events = [event async for event in supervisor.run(bridge, body.user, body.prompt)]
        return _run_summary(events)

    return routes


def _run_summary(events: Sequence[Event]) -> dict[str, object]:
    last = events[-1]
    return {
        "run_id": last.run_id,
        "result": last.detail,
        "events": [event.type for event in events],
    }


def _json(item: Thread | Message) -> dict[str, str]:
    return asdict(item)


def _started(backend: Backend) -> None:
    if not backend.accepting:
        raise NotStarted("start-up is not complete")


def _threads(backend: Backend) -> ThreadService:
    _started(backend)
    return need(backend.threads, "the thread service")


def handle_errors(app: FastAPI) -> None:
    """Add the handlers that answer errors: 404 for an unknown thread, 503 with Retry-After for
    others.
    """

    @app.exception_handler(DependencyUnavailable)
    async def unavailable(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, DependencyUnavailable)
        body = {
            "error": "dependency unavailable",
            "dependency": error.dependency,
            "detail": str(error),
        }
        return _try_later(body, error.retry_after_s)

    @app.exception_handler(NotStarted)
    async def not_started(_request: Request, error: Exception) -> JSONResponse:
        body = {"error": "not started", "dependency": None, "detail": str(error)}
        return _try_later(body, 1.0)

    @app.exception_handler(UnknownThread)
    async def unknown(_request: Request, error: Exception) -> JSONResponse:
        body = {"error": "unknown thread", "detail": f"there is no thread {error}"}
        return JSONResponse(body, status_code=404)


def _try_later(body: Mapping[str, str | None], after_s: float) -> JSONResponse:
    # The header only has whole seconds, and 0 would make all clients retry at once.
    return JSONResponse(
        body, status_code=503, headers={"Retry-After": str(max(1, math.ceil(after_s)))}
    )
