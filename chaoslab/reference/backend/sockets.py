"""Events over WebSocket: `/ws?user=…` receives the events of this user's agent runs, in order.

uvicorn needs a WebSocket library (`websockets`); without one it answers 404.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.chat import Connection

TRY_AGAIN_LATER = 1013


def router(backend: Backend) -> APIRouter:
    """The WebSocket route of one backend, and the route for its statistics."""
    routes = APIRouter()

    @routes.websocket("/ws")
    async def listen(socket: WebSocket, user: str = "") -> None:
        bridge = backend.bridge
        if not backend.accepting or bridge is None:
            # Refused before the handshake: a client that was accepted may expect events.
            body = {"error": "not started", "dependency": None}
            await socket.send_denial_response(JSONResponse(body, status_code=503))
            return
        if not user:
            body = {"error": "no user", "dependency": None}
            await socket.send_denial_response(JSONResponse(body, status_code=400))
            return
        with bridge.manager.connected(user) as connection:
            await socket.accept()
            await _serve(socket, connection)

    @routes.get("/ws/isolated/stats", response_model=None)
    async def stats() -> dict[str, object]:
        manager = backend.bridge.manager if backend.bridge else None
        users = manager.users if manager else {}
        return {
            "connections": sum(users.values()),
            "users": len(users),
            "delivered": manager.delivered if manager else 0,
            "overflowed": manager.overflowed if manager else 0,
        }

    return routes


async def _serve(socket: WebSocket, connection: Connection) -> None:
    """Send the connection's events to the client until the client disconnects or is too slow."""
    sending = asyncio.create_task(_send(socket, connection))
    leaving = asyncio.create_task(_until_disconnected(socket))
    overflowing = asyncio.create_task(connection.overflowed.wait())
    tasks = {sending, leaving, overflowing}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if connection.overflowed.is_set():
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(TRY_AGAIN_LATER)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(socket: WebSocket, connection: Connection) -> None:
    while True:
        await socket.send_json(asdict(await connection.queue.get()))


async def _until_disconnected(socket: WebSocket) -> None:
    """Read and ignore the messages of the client until the client disconnects."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
