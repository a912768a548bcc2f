"""Events over WebSocket: `/ws?user=…` gets what the agent runs of that user emit, in order.

It takes a WebSocket library that uvicorn knows (`websockets`); without one uvicorn answers 404.
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
    """The socket and its statistics, bound to one backend."""
    routes = APIRouter()

    @routes.websocket("/ws")
    async def listen(socket: WebSocket, user: str = "") -> None:
        bridge = backend.bridge
        if not backend.accepting or bridge is None:
            # Refused before it is accepted: a client that was let in may rely on being served.
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
    """Send what comes for the connection until the client leaves or cannot keep up."""
    sending = asyncio.create_task(_send(socket, connection))
    leaving = asyncio.create_task(_until_gone(socket))
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


async def _until_gone(socket: WebSocket) -> None:
    """Reads, and ignores, what the client says; ends when it leaves."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
