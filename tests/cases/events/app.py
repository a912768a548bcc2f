"""Sends an event for each job, over WebSockets and as server-sent events.

`POST /jobs/ID` adds the id to a stream in Redis. A task of its own reads the stream, and sends each
id to everybody who is subscribed at `/ws` or `/events`. When its connection to Redis has ended, it
connects again and goes on with what is added from then on: what was added before is lost. With
FIXED=1 it goes on after the last id that it has read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

FIXED = os.environ.get("FIXED") == "1"
URL = os.environ["REDIS_URL"]
AGAIN_S = 1.0
members: set[asyncio.Queue[str]] = set()
web = Redis.from_url(URL, socket_connect_timeout=0.4, socket_timeout=0.4)


async def read_stream() -> None:
    """Send each entry of the stream to every member."""
    last = "$"
    while True:
        reader = Redis.from_url(URL, socket_connect_timeout=0.4, socket_timeout=1.0)
        try:
            while True:
                for _, entries in await reader.xread({"jobs": last}, block=200) or ():
                    for key, fields in entries:
                        last = key
                        for member in members:
                            member.put_nowait(fields[b"id"].decode())
        except (RedisError, OSError):
            last = last if FIXED else "$"
            await asyncio.sleep(AGAIN_S)
        finally:
            await reader.aclose()


@asynccontextmanager
async def joined() -> AsyncIterator[asyncio.Queue[str]]:
    """A queue that gets every id from now on."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    members.add(queue)
    try:
        yield queue
    finally:
        members.discard(queue)


async def add(request: Request) -> Response:
    """Accept a job."""
    try:
        await web.xadd("jobs", {"id": request.path_params["id"]})
    except (RedisError, OSError):
        return JSONResponse({}, 503, {"Retry-After": "1"})
    return JSONResponse({}, 202)


async def health(_: Request) -> Response:
    """Whether Redis answers."""
    try:
        up = bool(await web.ping())
    except (RedisError, OSError):
        up = False
    word = "healthy" if up else "degraded"
    return JSONResponse({"status": word, "dependencies": {"redis": "up" if up else "down"}})


async def events(_: Request) -> Response:
    """Server-sent events."""

    async def each() -> AsyncIterator[str]:
        async with joined() as queue:
            while True:
                yield f"data: {await queue.get()}\n\n"

    return StreamingResponse(each(), media_type="text/event-stream")


async def socket(channel: WebSocket) -> None:
    """A message for each job, until the client goes."""
    await channel.accept()
    async with joined() as queue:
        try:
            while True:
                await channel.send_json({"done": await queue.get()})
        except WebSocketDisconnect:
            return


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    reading = asyncio.create_task(read_stream())
    yield
    reading.cancel()


routes = [
    Route("/jobs/{id}", add, methods=["POST"]),
    Route("/health", health),
    Route("/events", events),
    WebSocketRoute("/ws", socket),
]
if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=routes, lifespan=lifespan),
        port=int(os.environ["PORT"]),
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
