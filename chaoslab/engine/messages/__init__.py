"""Reads the messages of a protocol on a connection: one module a dialect, and their table. Pure.

It never changes a byte. It keeps back the beginning of a message, at most `HEAD_BYTES`, until it
knows what the message asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chaoslab.engine.messages.base import Dialogue
from chaoslab.engine.messages.postgres import PostgresDialogue
from chaoslab.engine.messages.redis import RedisDialogue

DIALECTS: Mapping[str, Callable[[], Dialogue]] = {
    "postgres": PostgresDialogue,
    "redis": RedisDialogue,
}
