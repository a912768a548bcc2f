"""Publishes notes to RabbitMQ, on a connection of its own per look and per write; right in all that
it does.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import base
import pika
import pika.exceptions
from base import serve, state

URL = pika.URLParameters(os.environ["QUEUE_URL"])
URL.socket_timeout = URL.stack_timeout = 2
URL.connection_attempts = 1


def look(turned: Callable[[bool], None]) -> None:
    """Look once whether the broker answers."""
    try:
        with pika.BlockingConnection(URL) as connection:
            connection.channel().queue_declare("notes", durable=True)
        up = True
    except (pika.exceptions.AMQPError, OSError):
        up = False
    if up != state["up"]:
        state["up"] = up
        turned(up)


def write(op: str) -> tuple[int, dict]:
    """Have the broker confirm it."""
    with pika.BlockingConnection(URL) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "notes", op.encode())
    return 201, {}


def health() -> dict:
    """What `/health` answers, always with 200."""
    up = state["up"]
    word = "healthy" if up else "degraded"
    return {"status": word, "dependencies": {"queue": "up" if up else "down"}}


base.look = look
serve(write, health=health)
