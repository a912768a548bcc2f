"""Keeps notes through a pool. The pool keeps a connection whose session can only read."""

from __future__ import annotations

import os

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool
from shared.web import FIXED, serve

DSN = os.environ["DATABASE_URL"]
# A session with this option can write, whatever the database's own default is.
WRITES = "-c default_transaction_read_only=off"
pool = ConnectionPool(
    DSN,
    kwargs={"autocommit": True, "connect_timeout": 1},
    min_size=2,
    max_size=2,
    timeout=0.8,
    open=False,
)


def look() -> dict[str, bool]:
    """Whether Postgres answers on a new connection."""
    try:
        with psycopg.connect(DSN, connect_timeout=1) as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return {"postgres": False}
    return {"postgres": True}


def write(note: str) -> None:
    """Keep a note. Raises psycopg.Error or PoolTimeout if that fails."""
    with pool.connection() as connection:
        try:
            connection.execute("insert into notes values (%s)", [note])
        except psycopg.errors.ReadOnlySqlTransaction:
            if FIXED:
                connection.close()  # the pool replaces it
            raise


def default(word: str) -> None:
    """Let new sessions of this database be read-only (`on`) or not (`off`), as those of a server
    are that is a replica until it is promoted.
    """
    with psycopg.connect(DSN, autocommit=True, connect_timeout=1, options=WRITES) as operator:
        name = sql.Identifier(operator.info.dbname)
        setting = sql.SQL("alter database {} set default_transaction_read_only = {}")
        operator.execute(setting.format(name, sql.SQL(word)))


if __name__ == "__main__":
    with psycopg.connect(DSN, connect_timeout=1) as first:
        first.execute("create table if not exists notes (id text)")
    pool.open(wait=True)
    acts = {"/demote": lambda: default("on"), "/promote": lambda: default("off")}
    serve(look=look, write=write, acts=acts)
