"""Creates missing tables, and checks that the tables are those that the code expects."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from chaoslab.reference.backend.connections import BoundedConnection

# Any number, but the same for every instance.
MIGRATION_LOCK = 7_203_915

REQUIRED: dict[str, frozenset[str]] = {
    "threads": frozenset({"id", "title", "created_at"}),
    "messages": frozenset({"id", "thread_id", "content", "created_at"}),
}
# Another system may fill it; the backend works without it.
OPTIONAL = frozenset({"thread_summaries"})

STEPS = (
    """CREATE TABLE IF NOT EXISTS threads (
        id uuid PRIMARY KEY,
        title text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )""",
    """CREATE TABLE IF NOT EXISTS messages (
        id uuid PRIMARY KEY,
        thread_id uuid NOT NULL REFERENCES threads (id),
        content text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )""",
    "CREATE INDEX IF NOT EXISTS messages_by_thread ON messages (thread_id, created_at, id)",
)

COLUMNS = """SELECT table_name, column_name FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = ANY(%s)"""


class SchemaInvalid(psycopg.OperationalError):
    """The tables are not those that the code expects; the text says which and why."""


@dataclass(slots=True, kw_only=True)
class Schema:
    """The tables that the backend needs, and the SQL steps that create them. They are checked after
    every connect to Postgres.
    """

    steps: Sequence[str] = STEPS
    required: dict[str, frozenset[str]] = field(default_factory=lambda: dict(REQUIRED))
    optional: frozenset[str] = OPTIONAL

    async def prepare(self, conn: BoundedConnection) -> None:
        """Create missing tables if there are steps, then check all tables. Raises SchemaInvalid if
        a table is missing or lacks a column.
        """
        found = await self._columns(conn)
        if self.steps and not self.required.keys() <= found.keys():
            await self._migrate(conn)
            found = await self._columns(conn)
        self._validate(found)

    async def _columns(self, conn: BoundedConnection) -> dict[str, set[str]]:
        rows = await conn.execute(COLUMNS, [sorted(self.required.keys() | self.optional)])
        found: dict[str, set[str]] = {}
        for table, column in await rows.fetchall():
            found.setdefault(table, set()).add(column)
        return found

    async def _migrate(self, conn: BoundedConnection) -> None:
        # With the lock, a second instance that starts meanwhile waits, then finds the tables.
        # All steps are one message, so there is one transaction and one round trip.
        lock = f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
        await conn.execute(";\n".join([lock, *self.steps]).encode())
        logging.getLogger("backend.migrations").info("created the missing tables")

    def _validate(self, found: dict[str, set[str]]) -> None:
        problems = []
        for table, columns in self.required.items():
            if table not in found:
                problems.append(f"table {table} is missing")
            elif missing := columns - found[table]:
                problems.append(f"table {table} lacks {', '.join(sorted(missing))}")
        if problems:
            raise SchemaInvalid("schema not usable: " + "; ".join(problems))
        if absent := self.optional - found.keys():
            logging.getLogger("backend.migrations").debug(
                "optional tables absent: %s", ", ".join(sorted(absent))
            )
