"""Keeps notes in transactions. A COMMIT whose connection was lost is sent again on a new one, where
no transaction is open: Postgres accepts that.
"""

from __future__ import annotations

import os
import threading

import psycopg
from psycopg.pq import TransactionStatus
from shared.web import FIXED, serve

DSN = os.environ["DATABASE_URL"]


class Session:
    """One connection, which is replaced when it was lost. BEGIN and COMMIT are statements on it."""

    def __init__(self) -> None:
        self._connection = _connected()

    def run(self, statement: str, *values: str) -> None:
        """Run a statement, if need be on a new connection. Raises psycopg.Error if that fails."""
        in_transaction = self._connection.info.transaction_status is TransactionStatus.INTRANS
        try:
            self._connection.execute(statement, values)
        except psycopg.OperationalError:
            self._connection.close()
            self._connection = _connected()
            if FIXED and in_transaction:
                raise  # the transaction is lost with its connection, or nobody knows
            self._connection.execute(statement, values)


def _connected() -> psycopg.Connection:
    return psycopg.connect(DSN, autocommit=True, connect_timeout=2)


def look() -> dict[str, bool]:
    """Whether Postgres answers."""
    try:
        with _connected() as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return {"postgres": False}
    return {"postgres": True}


def write(note: str) -> None:
    """Keep a note."""
    with _lock:
        _session.run("begin")
        _session.run("insert into notes values (%s)", note)
        _session.run("commit")


_lock = threading.Lock()
_session = Session()

if __name__ == "__main__":
    _session.run("create table if not exists notes (id text)")
    serve(look=look, write=write)
