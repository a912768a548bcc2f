"""The HTTP part of services that send events to their users: over a WebSocket at /ws/USER, and as
server-sent events at /events/USER. A note comes by POST, with its user in the header X-User.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, StreamingResponse

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Member:
    """A user who is subscribed, and the events that wait to be sent to it."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.events: asyncio.Queue[str] = asyncio.Queue()


class Members:
    """Everybody who is subscribed."""

    def __init__(self) -> None:
        self._members: list[Member] = []

    def send(self, event: str, to: Callable[[str], bool]) -> None:
        """Send an event to each user for whom `to` is true."""
        for member in self._members:
            if to(member.user):
                member.events.put_nowait(event)

    def join(self, user: str) -> Member:
        """Subscribe a user: its events wait from now on."""
        self._members.append(member := Member(user))
        return member

    def leave(self, member: Member) -> None:
        """End a subscription."""
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
        member = members.join(user)  # before the answer begins: no event may be lost after that

        async def each() -> AsyncIterator[str]:
            try:
                while True:
                    yield f"data: {await member.events.get()}\n\n"
            finally:
                members.leave(member)

        return StreamingResponse(each(), media_type="text/event-stream")

    @app.websocket("/ws/{user}")
    async def channel(socket: WebSocket, user: str) -> None:
        member = members.join(user)
        await socket.accept()
        try:
            while True:
                await socket.send_json({"note": await member.events.get()})
        except WebSocketDisconnect:
            return
        finally:
            members.leave(member)

    port = int(os.environ["PORT"])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)
