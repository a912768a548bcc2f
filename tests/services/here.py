"""Real servers of this machine, and clients that write words to them and read them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import pika
import pika.exceptions
import pymysql
import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Service
from chaoslab.services import kind_of

MYSQL = Service(name="mysql", kind="mysql")
RABBITMQ = Service(name="queue", kind="rabbitmq")


def needs_program(service: Service) -> None:
    """Skip, with the reason and the fix, where the kind's program is not installed."""
    program = kind_of(service.kind).program
    assert program is not None
    try:
        program.find()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


def mysql(url: str) -> pymysql.Connection:
    """A connection as an app has one."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port,
        user=unquote(parts.username or ""),
        password=unquote_to_bytes(parts.password or ""),
        database=unquote(parts.path[1:]),
        autocommit=True,
    )


def _keep_in_mysql(url: str, word: str) -> None:
    with mysql(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        cursor.execute("INSERT INTO words VALUES (%s)", [word])


def _words_in_mysql(url: str) -> set[str]:
    with mysql(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT word FROM words")
        return {word for (word,) in cursor.fetchall()}


def _keep_in_rabbitmq(url: str, word: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("words", durable=True)
        durable = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent.value)
        channel.basic_publish("", "words", word.encode(), durable)


def _words_in_rabbitmq(url: str) -> set[str]:
    words = set()
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        while (got := channel.basic_get("words"))[0] is not None:
            words.add(got[2].decode())
    return words  # not acknowledged: they are in the queue again


_KEEP: dict[str, Callable[[str, str], None]] = {
    "mysql": _keep_in_mysql,
    "rabbitmq": _keep_in_rabbitmq,
}
_WORDS: dict[str, Callable[[str], set[str]]] = {
    "mysql": _words_in_mysql,
    "rabbitmq": _words_in_rabbitmq,
}


async def keep(kind: str, url: str, word: str) -> None:
    """Write a word; return when the server has acknowledged it."""
    await asyncio.to_thread(_KEEP[kind], url, word)


async def words(kind: str, url: str) -> set[str]:
    """The words that were written to a server."""
    return await asyncio.to_thread(_WORDS[kind], url)
