"""The protocols whose messages can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chaoslab.engine.messages.base import Dialogue
from chaoslab.engine.messages.postgres import PostgresDialogue
from chaoslab.engine.messages.redis import RedisDialogue

DIALECTS: Mapping[str, Callable[[], Dialogue]] = {
    "postgres": PostgresDialogue,
    "redis": RedisDialogue,
}
