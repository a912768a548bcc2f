"""Runs uvicorn in a thread, beside other work of the process. A start-up that fails ends the
thread, and the process ends as if all were well.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import uvicorn
from fastapi import FastAPI
from shared.web import FIXED

DSN = os.environ["DATABASE_URL"]
START_UP_FAILED = 3
failures: list[str] = []


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Start-up needs Postgres."""
    try:
        psycopg.connect(DSN, connect_timeout=2).close()
    except psycopg.Error as error:
        failures.append(f"start-up failed: postgres: {error}")
        raise
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, object]:
    """Postgres answered when the service started."""
    return {"status": "healthy", "dependencies": {"postgres": "up"}}


@app.get("/live")
async def live() -> dict[str, object]:
    """The process answers."""
    return {}


if __name__ == "__main__":
    config = uvicorn.Config(app, host="127.0.0.1", port=int(os.environ["PORT"]))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    thread.join()
    print(*failures, flush=True)
    sys.exit(START_UP_FAILED if FIXED and not server.started else 0)
