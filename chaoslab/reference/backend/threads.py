"""Threads (conversations) and their messages in Postgres; lists of messages are cached in Redis."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from dataclasses import asdict, dataclass
from uuid import UUID

import psycopg

from chaoslab.reference.backend.cache import Cache
from chaoslab.reference.backend.connections import BoundedConnection
from chaoslab.reference.backend.database import Store
from chaoslab.reference.backend.keys import KeyManager

REMEMBERED_THREADS = 10_000
REMEMBERED_MESSAGES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation. `created_at` is ISO 8601 with a time zone."""

    id: str
    title: str
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a thread. `created_at` is ISO 8601 with a time zone."""

    id: str
    thread_id: str
    content: str
    created_at: str


class UnknownThread(Exception):
    """There is no thread with this id."""


class ThreadService:
    """Reads and writes threads (conversations) and their messages.

    Every write is committed in Postgres before the method returns. Every statement is idempotent
    (ids are keys, conflicts are ignored), so that it can be repeated if its connection was lost.
    """

    def __init__(self, database: Store, cache: Cache, keys: KeyManager) -> None:
        self._database, self._cache, self._keys = database, cache, keys
        # If a delete does not reach Redis, or an old write reaches it late, a cached list is stale.
        # Messages are never removed, so a list without one that we acknowledged is stale.
        self._acknowledged: OrderedDict[UUID, deque[str]] = OrderedDict()

    async def create_thread(self, thread_id: UUID, title: str) -> None:
        """Store a thread. Raises DependencyUnavailable if Postgres cannot store it."""

        async def work(conn: BoundedConnection) -> None:
            await conn.execute(
                "INSERT INTO threads (id, title) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING",
                [thread_id, title],
            )

        await self._database.run(work)

    async def thread(self, thread_id: UUID) -> Thread:
        """The thread with this id. Raises UnknownThread if there is none, or
        DependencyUnavailable.
        """

        async def work(conn: BoundedConnection) -> Thread | None:
            rows = await conn.execute(
                "SELECT title, created_at FROM threads WHERE id = %s", [thread_id]
            )
            row = await rows.fetchone()
            if row is None:
                return None
            return Thread(id=str(thread_id), title=row[0], created_at=row[1].isoformat())

        if (found := await self._database.run(work)) is None:
            raise UnknownThread(str(thread_id))
        return found

    async def add_message(self, thread_id: UUID, message_id: UUID, content: str) -> None:
        """Store a message of a thread. Raises UnknownThread if there is no such thread, or
        DependencyUnavailable.
        """

        async def work(conn: BoundedConnection) -> None:
            await conn.execute(
                "INSERT INTO messages (id, thread_id, content) VALUES (%s, %s, %s)"
                " ON CONFLICT (id) DO NOTHING",
                [message_id, thread_id, content],
            )

        try:
            await self._database.run(work)
        except psycopg.errors.ForeignKeyViolation:
            raise UnknownThread(str(thread_id)) from None
        self._acknowledge(thread_id, str(message_id))
        await self._cache.delete(_key(thread_id))

    async def messages(self, thread_id: UUID) -> list[Message]:
        """The thread's messages, oldest first. Raises UnknownThread if there is no such thread, or
        DependencyUnavailable.
        """
        if (
            cached := self._valid_cached(thread_id, await self._cache.get(_key(thread_id)))
        ) is not None:
            return cached
        found = await self._stored(thread_id)
        payload = json.dumps([asdict(message) for message in found]).encode()
        await self._cache.set(_key(thread_id), self._keys.seal(payload))
        return found

    async def _stored(self, thread_id: UUID) -> list[Message]:
        async def work(conn: BoundedConnection) -> list[Message] | None:
            rows = await conn.execute(
                "SELECT m.id, m.content, m.created_at FROM threads t"
                " LEFT JOIN messages m ON m.thread_id = t.id"
                " WHERE t.id = %s ORDER BY m.created_at, m.id",
                [thread_id],
            )
            found = await rows.fetchall()
            if not found:
                return None
            return [
                Message(
                    id=str(row[0]),
                    thread_id=str(thread_id),
                    content=row[1],
                    created_at=row[2].isoformat(),
                )
                for row in found
                if row[0] is not None
            ]

        if (messages := await self._database.run(work)) is None:
            raise UnknownThread(str(thread_id))
        return messages

    def _valid_cached(self, thread_id: UUID, sealed: bytes | None) -> list[Message] | None:
        """The messages in `sealed`, the bytes of the cache; None if there are no bytes, their
        signature is wrong, or acknowledged messages are missing.
        """
        payload = None if sealed is None else self._keys.unseal(sealed)
        if payload is None:
            return None
        try:
            messages = [Message(**fields) for fields in json.loads(payload)]
        except (ValueError, TypeError):
            return None  # written by another version
        ids = {message.id for message in messages}
        return messages if ids.issuperset(self._acknowledged.get(thread_id, ())) else None

    def _acknowledge(self, thread_id: UUID, message_id: str) -> None:
        ids = self._acknowledged.setdefault(thread_id, deque(maxlen=REMEMBERED_MESSAGES))
        ids.append(message_id)
        self._acknowledged.move_to_end(thread_id)
        if len(self._acknowledged) > REMEMBERED_THREADS:
            self._acknowledged.popitem(last=False)


def _key(thread_id: UUID) -> str:
    return f"thread:{thread_id}:messages"
