"""The HTTP part of services that send events to their users: over a WebSocket at /ws/USER, and as
server-sent events at /events/USER. A note comes by POST, with its user in the header X-User.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, StreamingResponse

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Members:
    """Everybody who is subscribed."""

    def __init__(self) -> None:
        self._members: list[tuple[str, asyncio.Queue[str]]] = []

    def send(self, event: str, to: Callable[[str], bool]) -> None:
        """Send an event to each user for whom `to` is true."""
        for user, queue in self._members:
            if to(user):
                queue.put_nowait(event)

    @contextmanager
    def joined(self, user: str) -> Iterator[asyncio.Queue[str]]:
        """A queue that gets the events of this user from now on."""
        member = (user, asyncio.Queue[str]())
        self._members.append(member)
        try:
            yield member[1]
        finally:
            self._members.remove(member)


def serve(
    members: Members,
    *,
    lifespan: Lifespan,
    look: Callable[[], Awaitable[Mapping[str, bool]]],
    write: Callable[[str, str], Awaitable[object]],
) -> None:
    """Serve until the process ends.

    `look` maps the name of each dependency to whether it works. `write` keeps the note with an id
    for a user: if it raises, the answer is 503.
    """
    app = FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        dependencies = await look()
        words = {name: "up" if works else "down" for name, works in dependencies.items()}
        word = "healthy" if all(dependencies.values()) else "degraded"
        return {"status": word, "dependencies": words}

    @app.get("/live")
    async def live() -> dict[str, Any]:
        return {}

    @app.post("/notes")
    async def note(request: Request) -> Response:
        sent = (await request.json())["id"]
        try:
            await write(sent, request.headers.get("x-user", ""))
        except Exception as error:
            print(f"refused: {error!r}", flush=True)
            return JSONResponse({"error": repr(error)}, 503, {"Retry-After": "1"})
        return JSONResponse({"id": sent}, 202)

    @app.get("/events/{user}")
    async def events(user: str) -> Response:
        async def each() -> AsyncIterator[str]:
            with members.joined(user) as queue:
                while True:
                    yield f"data: {await queue.get()}\n\n"

        return StreamingResponse(each(), media_type="text/event-stream")

    @app.websocket("/ws/{user}")
    async def channel(socket: WebSocket, user: str) -> None:
        with members.joined(user) as queue:
            await socket.accept()
            try:
                while True:
                    await socket.send_json({"note": await queue.get()})
            except WebSocketDisconnect:
                return

    port = int(os.environ["PORT"])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)
