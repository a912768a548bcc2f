"""Keep-alive connections to one app: they are used again, as browsers and load balancers do."""

from __future__ import annotations

import asyncio

from chaoslab.machine.endpoint import Endpoint
from chaoslab.probes.request import Connection, Message, Reply

# Servers close an idle connection after some seconds (Uvicorn and Node: 5 s, Gunicorn: 2 s). We
# close it earlier, so that no request is sent while the server closes the connection.
IDLE_S = 1.0


class ConnectionPool:
    """The idle connections to one app, at `there`."""

    def __init__(self, there: Endpoint) -> None:
        self.there = there
        self._idle: list[tuple[Connection, float]] = []

    def take(self) -> Connection | None:
        """Remove and return the newest usable connection. None if there is none."""
        now_s = asyncio.get_running_loop().time()
        while self._idle:
            connection, since_s = self._idle.pop()
            if now_s - since_s < IDLE_S and connection.is_reusable():
                return connection
            connection.close()
        return None

    async def ask(self, connection: Connection | None, message: Message) -> Reply:
        """Send the request on `connection`, or on a new one if that is None, and return the answer.
        The connection is kept for another request if the server allows that.

        Raises the errors of `request.ask`.
        """
        connection = connection or await Connection.opened(self.there)
        reusable = False
        try:
            reply = await connection.exchange(message)
            reusable = connection.is_reusable()
            return reply
        finally:
            if reusable:
                self._idle.append((connection, asyncio.get_running_loop().time()))
            else:
                connection.close()

    def close(self) -> None:
        """Close every idle connection."""
        for connection, _ in self._idle:
            connection.close()
        self._idle.clear()
