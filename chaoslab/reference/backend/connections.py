"""Postgres connections on which nothing can wait for ever.

libpq waits without end on a silent path, and psycopg answers a cancelled query by asking the
server, over that same path, to stop it. Here every exchange has a limit, and a connection whose
exchange was given up is closed on the spot: it is in the middle of an answer and of no use.
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

# Without these libpq may ask a Kerberos library first, and the kernel waits minutes on unsent data.
CONNECT_DEFAULTS = {"gssencmode": "disable", "application_name": "chaoslab-reference-backend"}


class BoundedConnection(psycopg.AsyncConnection[Row]):
    """An autocommit connection whose every exchange ends within `io_limit_s`.

    Raises psycopg.OperationalError when the limit passes; the connection is closed by then.
    """

    io_limit_s: float = 30.0

    @classmethod
    async def connect(  # type: ignore[override]  # narrower on purpose: the limits are mandatory
        cls,
        conninfo: str = "",
        *,
        connect_limit_s: float,
        io_limit_s: float,
        fleet: weakref.WeakSet[BoundedConnection] | None = None,
        **kwargs: Any,
    ) -> BoundedConnection:
        """Connect within `connect_limit_s`; `fleet` remembers the connection, to close it by force.

        Raises psycopg.OperationalError, also when the limit passes.
        """
        defaults = {**CONNECT_DEFAULTS, "tcp_user_timeout": max(1, round(io_limit_s * 1000))}
        conn = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(connect_limit_s):
                conn = await super().connect(conninfo, autocommit=True, **{**defaults, **kwargs})
        if conn is None:
            # Raised out here, so that no error keeps the time-out's frames, and with them the
            # attempt's socket: it would stay in SYN_SENT until the garbage collector came by.
            raise psycopg.OperationalError(
                f"no answer within {connect_limit_s:.2g} s while connecting"
            )
        conn.io_limit_s = io_limit_s
        if fleet is not None:
            fleet.add(conn)
        return conn

    def cut(self) -> None:
        """End whatever waits on this connection, now: it reads the end of the stream."""
        if not self.closed:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self.fileno())) as sock:
                sock.shutdown(socket.SHUT_RDWR)

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's own signature
    ) -> RV:
        """Run one exchange with the server under the connection's limit."""
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
