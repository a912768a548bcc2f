"""The last message of a client or server: recognised byte for byte, and logged."""

from __future__ import annotations

import socket

import pytest

from chaoslab.engine.last_messages import configure, is_dismissal, is_goodbye
from chaoslab.services import last_messages

from .rig import Engine, Proxy, read_exactly, read_to_end, until, upstream

configure(last_messages())  # as a lab configures its engine
TERMINATE = b"X\x00\x00\x00\x04"
QUIT = b"*1\r\n$4\r\nQUIT\r\n"


def fatal(code: str, kind: bytes = b"E", severity: str = "FATAL") -> bytes:
    """An error message of Postgres' protocol: fields with letters, each ended by a zero byte."""
    fields = f"S{severity}\0V{severity}\0C{code}\0Mso it is\0Fpostgres.c\0\0".encode()
    return kind + (len(fields) + 4).to_bytes(4) + fields


@pytest.mark.parametrize("data", [TERMINATE, QUIT, b"*1\r\n$4\r\nquit\r\n", b"quit\r\n"])
def test_the_last_message_of_a_client_is_recognised(data: bytes) -> None:
    """Those of Postgres and Redis, also in a memoryview."""
    assert is_goodbye(data)
    assert is_goodbye(memoryview(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"S\x00\x00\x00\x04",
        b"*1\r\n$4\r\nPING\r\n",
        b"PING\r\n",
        TERMINATE[:4],
        TERMINATE * 2,
        b"Q\x00\x00\x00\x0dSELECT 1\x00" + TERMINATE,
    ],
)
def test_other_messages_are_no_goodbye(data: bytes) -> None:
    """Of the same length, with a question before it, or only a part of it."""
    assert not is_goodbye(data)


@pytest.mark.parametrize("code", ["57P01", "57P02", "57P03"])
def test_a_dismissal_is_recognised_by_its_code(code: str) -> None:
    """As an error or a notice, alone or after other answers."""
    assert is_dismissal(fatal(code))
    assert is_dismissal(memoryview(fatal(code, b"N", "WARNING")))
    assert is_dismissal(b"1\x00\x00\x00\x04" * 1000 + fatal(code))
    assert not is_dismissal(fatal(code, severity="ERROR"))
    assert not is_dismissal(code.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"\x07\x00\x00\x01\xff\x1d\x04#08S01Server shutdown in progress",
        b"\x01\x00\x00\x00\x00\x00\x0b\x00\x0a\x002\x01\x40\x00\x00\x00\x00\x00\xce",
    ],
)
def test_other_services_have_their_own_dismissals(data: bytes) -> None:
    """MySQL's ER_SERVER_SHUTDOWN, RabbitMQ's connection-forced."""
    assert is_dismissal(data)
    assert is_goodbye(b"\x01\x00\x00\x00\x01")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"goodbyes": ["xx"], "dismissals": []}'])
def test_a_wrong_configuration_is_refused(text: str) -> None:
    """And the messages do not change."""
    with pytest.raises(ValueError, match=r"(?i)expect|hexadecimal"):
        configure(text)
    assert is_goodbye(TERMINATE)


@pytest.mark.parametrize(
    "data", [b"", b"E", fatal("57014", severity="ERROR"), fatal("28P01"), b"-ERR\r\n", b"+OK\r\n"]
)
def test_other_errors_are_no_dismissal(data: bytes) -> None:
    """A cancelled statement, a wrong password, an error of Redis."""
    assert not is_dismissal(data)


def test_a_held_goodbye_is_counted_separately(engine: Engine, proxy: Proxy) -> None:
    """A question, then a goodbye in its own read; `bytes` includes both."""
    proxy.toxic("silence", "upstream", name="s")
    with proxy.dial() as client:
        until(lambda: proxy.log()[0]["upstream_connected_s"] is not None, "it is joined")
        client.sendall(b"*1\r\n$4\r\nPING\r\n")
        until(lambda: proxy.log()[0]["held_upstream"] == 14, "the question is held")
        asked_s = proxy.log()[0]["asked_s"]
        client.sendall(TERMINATE)
    until(lambda: proxy.log()[0]["ending"] == "client_closed", "the client's end is noticed")
    (record,) = proxy.log()
    assert [(m["bytes"], m["goodbye"]) for m in record["met"]] == [(19, 5)]
    assert (record["end"], record["asked_s"]) == (None, asked_s)


def test_a_server_that_closes_after_a_goodbye_counts_as_closed_by_the_client(
    engine: Engine,
) -> None:
    """Redis answers QUIT and closes first; without a goodbye the server is named."""

    def serve(sock: socket.socket) -> None:
        if sock.recv(100) == QUIT:
            sock.sendall(b"+OK\r\n")

    for sent, ending in ((QUIT, "client_closed"), (b"PING\r\n", "upstream_closed")):
        with upstream(serve) as address:
            proxy = engine.proxy(address)
            with proxy.dial() as client:
                client.sendall(sent)
                read_to_end(client)
                until(lambda p=proxy: p.log()[0]["ending"], "an end is noticed")  # type: ignore[misc]
            assert proxy.log()[0]["ending"] == ending


def test_a_dismissal_after_the_clients_end_does_not_count(engine: Engine) -> None:
    """A Postgres that stops also sends it on connections that their clients have just closed."""

    def serve(sock: socket.socket) -> None:
        assert read_to_end(sock) == TERMINATE
        sock.sendall(fatal("57P01"))

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        with proxy.dial() as client:
            client.sendall(TERMINATE)
        until(lambda: proxy.log()[0]["end"] is not None, "it is over")
    (record,) = proxy.log()
    assert (record["dismissed_s"], record["end"]) == (None, "client_closed")
    assert record["bytes_downstream"] or record["held_downstream"] or record["answered_s"]


def test_a_dismissal_before_the_clients_end_counts(engine: Engine) -> None:
    """The server announces the end but keeps the connection open; then the client closes."""

    def serve(sock: socket.socket) -> None:
        sock.recv(1)
        sock.sendall(b"answer")
        sock.recv(1)
        sock.sendall(fatal("57P01"))
        read_to_end(sock)

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        with proxy.dial() as client:
            client.sendall(b"q")
            assert read_exactly(client, 6) == b"answer"
            before = proxy.log()[0]
            client.sendall(b"q")
            assert read_exactly(client, len(fatal("57P01"))) == fatal("57P01")
        until(lambda: proxy.log()[0]["end"] is not None, "it is over")
    (record,) = proxy.log()
    assert (before["dismissed_s"], record["end"]) == (None, "client_closed")
    assert before["answered_s"] < record["asked_s"] <= record["dismissed_s"] <= record["ending_s"]
