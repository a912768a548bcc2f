"""Connections that are used again, as browsers and balancers keep them."""

from __future__ import annotations

import asyncio

from chaoslab.machine.endpoint import Endpoint
from chaoslab.probes.request import Line, Reply

# Servers close a connection without use after a while of their own (Uvicorn and Node: 5 s,
# Gunicorn: 2 s). It is given up before: a request must not meet one that is about to be closed.
IDLE_S = 1.0


class KeptLines:
    """The connections to one app, at `there`, that wait for a next request."""

    def __init__(self, there: Endpoint) -> None:
        self.there = there
        self._idle: list[tuple[Line, float]] = []

    def take(self) -> Line | None:
        """One that waits, the newest first; None where none does."""
        now_s = asyncio.get_running_loop().time()
        while self._idle:
            line, since_s = self._idle.pop()
            if now_s - since_s < IDLE_S and line.is_kept():
                return line
            line.close()
        return None

    async def ask(self, line: Line | None, path: str, *, method: str, json_body: bytes) -> Reply:
        """Ask on `line`, or on a new connection, and keep it; raises as `request.ask` does."""
        line = line or await Line.opened(self.there)
        kept = False
        try:
            reply = await line.exchange(path, method=method, json_body=json_body)
            kept = line.is_kept()
            return reply
        finally:
            if kept:
                self._idle.append((line, asyncio.get_running_loop().time()))
            else:
                line.close()

    def close(self) -> None:
        """Give all of them up."""
        for line, _ in self._idle:
            line.close()
        self._idle.clear()
