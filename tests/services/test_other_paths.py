"""Paths to MySQL and RabbitMQ with unexpected answers; no real server is needed."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from chaoslab import services
from chaoslab.preflight.connect import Address
from chaoslab.services import kind_of
from chaoslab.services.answers import ready
from chaoslab.services.mysql.protocol import LOG_IN, SHUTDOWN, log_in_answered
from chaoslab.services.path import Ended, PathProgress, Target
from chaoslab.services.rabbitmq.protocol import DISMISSALS, GOODBYES, started

GREETING = b"\x08\x00\x00\x00\x0a11.4.2\x00"


def refusal(code: int, words: str) -> bytes:
    """MySQL's ERR_Packet in place of a greeting."""
    body = b"\xff" + struct.pack("<H", code) + words.encode()
    return struct.pack("<I", len(body))[:3] + b"\x00" + body


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """A port whose server sends this answer and closes the connection."""

    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        with suppress(ConnectionError):
            await writer.drain()
            writer.write_eof()
            await reader.read()
        writer.close()
        left.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.wait_for(left.wait(), 2.0)


async def end_of(kind: str, answer: bytes) -> str:
    """The outcome of a path to a server with this answer."""
    dialogue = kind_of(kind).dialogue
    assert dialogue is not None
    async with answering(answer) as port:
        at = ("127.0.0.1", port)
        scheme = kind_of(kind).schemes[0]
        (found,) = dialogue.targets("a.b", f"{scheme}://u:p@{at[0]}:{port}/d", "URL", lambda _: "")
        assert isinstance(found, Target)
        with socket.create_connection(at) as sock, pytest.raises(Ended) as ended:
            await dialogue.walk(
                PathProgress(2.0), found, sock, Address(family=socket.AF_INET, at=at)
            )
        return ended.value.outcome


@pytest.mark.parametrize(
    ("kind", "answer", "outcome"),
    [
        ("mysql", b"", "closed"),
        ("mysql", b"HTTP/1.1 400 Bad Request\r\n\r\n", "other protocol"),
        ("mysql", refusal(1040, "Too many connections"), "full"),
        ("mysql", refusal(1053, "Server shutdown in progress"), "not ready"),
        ("mysql", refusal(1129, "Host is blocked"), "failed"),
        ("rabbitmq", b"", "closed"),
        ("rabbitmq", b"HTTP/1.1 400 Bad Request\r\n\r\n", "other protocol"),
        ("rabbitmq", b"AMQP\x00\x01\x00\x00", "other protocol"),
    ],
)
async def test_the_outcome_of_a_path_depends_on_the_answer(
    kind: str, answer: bytes, outcome: str
) -> None:
    """Each outcome has another fix: in the network, the URL, or the server's limits."""
    assert await end_of(kind, answer) == outcome


@pytest.mark.parametrize("kind", ["mysql", "rabbitmq"])
def test_a_url_of_another_kind_is_refused(kind: str) -> None:
    """The declared variable has a URL of another kind."""
    dialogue = kind_of(kind).dialogue
    assert dialogue is not None
    with pytest.raises(ValueError, match="URL"):
        list(dialogue.targets("a.b", "redis://host/0", "URL", lambda _: ""))


def test_an_amqp_url_without_a_path_names_the_default_virtual_host() -> None:
    """A URL with an escaped slash names it too."""
    dialogue = kind_of("rabbitmq").dialogue
    assert dialogue is not None
    for url in ("amqp://queue", "amqp://queue/%2F"):
        (found,) = dialogue.targets("a.b", url, "URL", lambda _: "")
        assert isinstance(found, Target)
        assert (found.port, found.user, found.database) == (5672, "guest", "/")


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [
        (GREETING + b"\x03\x00\x00\x02\xff\x15\x04", True),  # access denied, as expected
        (GREETING + b"\x03\x00\x00\x02\xff\x1d\x04", False),  # it shuts down
        (GREETING, False),
        (refusal(1040, "Too many connections"), False),
    ],
)
async def test_mysql_is_ready_once_it_answers_a_log_in(answer: bytes, is_ready: bool) -> None:
    """A greeting alone may come from a server that shuts down."""
    async with answering(answer) as port:
        assert await ready(port, log_in_answered) is is_ready


async def test_rabbitmq_is_ready_once_it_starts_a_connection() -> None:
    """Not if it closes the connection, or answers in another way."""
    start = struct.pack("!BHIHH", 1, 0, 4, 10, 10) + b"\xce"
    for answer, is_ready in ((start, True), (b"", False), (b"AMQP\x00\x00\x09\x01....", False)):
        async with answering(answer) as port:
            assert await ready(port, started) is is_ready


def test_a_canarys_log_in_is_one_packet_after_the_greeting() -> None:
    """With the length and the number that a server expects."""
    assert int.from_bytes(LOG_IN[:3], "little") == len(LOG_IN) - 4
    assert LOG_IN[3] == 1
    assert b"chaoslab-lab\x00" in LOG_IN


def test_last_messages_are_those_of_the_protocol() -> None:
    """COM_QUIT; Connection.Close with 200 and its answer; messages of servers with their codes."""
    assert services.kinds()["mysql"].goodbyes == {b"\x01\x00\x00\x00\x01"}
    pika = (
        b"\x01\x00\x00\x00\x00\x00\x1a\x00\x0a\x002\x00\xc8\x0fNormal shutdown\x00\x00\x00\x00\xce"
    )
    assert pika in GOODBYES
    assert b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x003\xce" in GOODBYES
    assert DISMISSALS[0] == b"\x00\x0a\x002\x01\x40"
    assert SHUTDOWN[1:3] == (1053).to_bytes(2, "little")
