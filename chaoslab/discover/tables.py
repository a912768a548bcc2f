"""Lists the tables of a database of the lab, to see whether a boot makes some."""

from __future__ import annotations

import psycopg

from chaoslab.runtimes.base import RunningService

MOST_TABLES = 500
_WITHIN_S = 5
_QUERY = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY table_name LIMIT %s
"""


def tables_of(running: RunningService) -> tuple[str, ...] | None:
    """The names of the tables of a Postgres service. None for other kinds, and if the server does
    not answer. Blocks.
    """
    if running.service.kind != "postgres":
        return None
    url = running.url(running.endpoint)
    try:
        with psycopg.connect(url, connect_timeout=_WITHIN_S) as connection:
            rows = connection.execute(_QUERY, (MOST_TABLES,)).fetchall()
    except psycopg.Error:
        return None
    return tuple(str(name) for (name,) in rows)
