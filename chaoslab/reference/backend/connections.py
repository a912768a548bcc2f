"""Postgres connections on which every exchange has a time-out.

On a silent path libpq itself waits without end, and psycopg, to cancel a query, sends a request
over the same path. This class does neither: every exchange has a limit. After a time-out or a
cancellation the connection is closed at once, because it is in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import weakref
from typing import Any, TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen

RV = TypeVar("RV")
Row = tuple[Any, ...]

# Without "gssencmode" libpq may ask a Kerberos library first.
CONNECT_DEFAULTS = {"gssencmode": "disable", "application_name": "chaoslab-reference-backend"}


class BoundedConnection(psycopg.AsyncConnection[Row]):
    """An autocommit connection on which every exchange ends within `io_limit_s`.

    At the limit the connection is closed, and psycopg.OperationalError is raised.
    """

    io_limit_s: float = 30.0

    @classmethod
    async def connect(  # type: ignore[override]  # narrower on purpose: the limits are mandatory
        cls,
        conninfo: str = "",
        *,
        connect_limit_s: float,
        io_limit_s: float,
        connections: weakref.WeakSet[BoundedConnection] | None = None,
        **kwargs: Any,
    ) -> BoundedConnection:
        """Open a connection within `connect_limit_s` seconds, add it to `connections`, and return
        it.

        Raises psycopg.OperationalError, also at the limit.
        """
        # With tcp_user_timeout the kernel does not wait for minutes to send data.
        defaults = {**CONNECT_DEFAULTS, "tcp_user_timeout": max(1, round(io_limit_s * 1000))}
        conn = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(connect_limit_s):
                conn = await super().connect(conninfo, autocommit=True, **{**defaults, **kwargs})
        if conn is None:
            # Raised here and not in the block above: the exception would keep the block's frames
            # and its socket, which would stay in SYN_SENT until the next garbage collection.
            raise psycopg.OperationalError(
                f"no answer within {connect_limit_s:.2g} s while connecting"
            )
        conn.io_limit_s = io_limit_s
        if connections is not None:
            connections.add(conn)
        return conn

    def abort(self) -> None:
        """End the exchange that waits on this connection now with an error, by a shutdown of its
        socket.
        """
        if not self.closed:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self.fileno())) as sock:
                sock.shutdown(socket.SHUT_RDWR)

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's own signature
    ) -> RV:
        """Run one exchange with the server and return its result, within the connection's limit of
        `io_limit_s`.
        """
        limit_s = self.io_limit_s if timeout is None else min(timeout, self.io_limit_s)
        try:
            async with asyncio.timeout(limit_s):
                return await waiting.wait_async(gen, self.pgconn.socket, interval=interval)
        except TimeoutError:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {limit_s:.2g} s") from None
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise
