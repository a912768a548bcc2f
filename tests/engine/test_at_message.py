"""Faults at a message, on real connections through an engine; the server has its own protocol."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from .messages.streams import command
from .rig import (
    Address,
    Engine,
    Proxy,
    read_exactly,
    read_to_end,
    silent_for,
    until,
    upstream,
)

SILENT_S = 0.2
POP = command("BRPOP", "jobs", "0")
PING = command("PING")
JOB = b"*2\r\n$4\r\njobs\r\n$1\r\nx\r\n"
PONG = b"+PONG\r\n"


class Queue:
    """A server that has one job for each BRPOP, and notes what it received."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.popped = 0
        self.ended = threading.Event()

    def serve(self, sock: socket.socket) -> None:
        try:
            pending = b""
            while data := sock.recv(65536):
                self.received += data
                pending += data
                while pending.startswith((POP, PING)):
                    known = POP if pending.startswith(POP) else PING
                    pending = pending[len(known) :]
                    self.popped += known is POP
                    sock.sendall(JOB if known is POP else PONG)
        finally:
            self.ended.set()


@pytest.fixture
def server() -> Queue:
    return Queue()


@pytest.fixture
def queue(engine: Engine, server: Queue) -> Iterator[Proxy]:
    """A proxy that reads Redis' messages, in front of the server."""
    with upstream(server.serve) as address:
        yield reading(engine, address)


def reading(engine: Engine, address: Address) -> Proxy:
    made = engine.proxy(address)
    shown = engine.call("PUT", f"/chaoslab/proxies/{made.name}/messages", {"protocol": "redis"})
    assert shown["messages"] == "redis"
    return made


def at_pop(proxy: Proxy, stream: str, **how: object) -> str:
    return proxy.toxic("at_message", stream, message="BRPOP", **how)


def test_a_cut_before_a_message_lets_no_byte_of_it_pass(queue: Proxy, server: Queue) -> None:
    """The command before it, in the same segment, is delivered; then both sides end."""
    with queue.dial() as client:
        client.sendall(PING)
        assert read_exactly(client, len(PONG)) == PONG
        at_pop(queue, "upstream")  # the connection was open before
        client.sendall(PING + POP + PING)
        assert read_to_end(client) in (b"", PONG)
        assert server.ended.wait(5)
    assert (bytes(server.received), server.popped) == (PING + PING, 0)
    (record,) = queue.log()
    assert record["end"] == "closed_by_fault"
    (seen,) = record["messages"]
    assert (seen["word"], seen["number"], seen["acted"]) == ("BRPOP", 1, True)
    assert seen["stream"] == "upstream"
    assert record["met"] == []


def test_a_cut_after_a_message_loses_only_its_answer(queue: Proxy, server: Queue) -> None:
    """The server has taken the job from its queue, and nobody gets it: the job is lost."""
    at_pop(queue, "downstream")
    with queue.dial() as client:
        client.sendall(PING + POP)
        assert read_to_end(client) == PONG
        assert server.ended.wait(5)
    assert server.popped == 1
    (record,) = queue.log()
    assert record["end"] == "closed_by_fault"
    assert [seen["word"] for seen in record["messages"]] == ["BRPOP"]


@pytest.mark.parametrize(("stream", "popped"), [("upstream", 0), ("downstream", 1)])
def test_a_held_message_arrives_at_the_heal(
    queue: Proxy, server: Queue, stream: str, popped: int
) -> None:
    """Until then the connection is open and silent."""
    toxic = at_pop(queue, stream, do="hold")
    with queue.dial() as client:
        client.sendall(PING)
        assert read_exactly(client, len(PONG)) == PONG
        client.sendall(POP + PING)
        assert silent_for(client, SILENT_S)
        assert server.popped == popped
        assert queue.log()[0][f"held_{stream}"] >= len(POP if popped == 0 else JOB)
        queue.remove(toxic)
        assert read_exactly(client, len(JOB + PONG)) == JOB + PONG
    assert server.popped == 1


def test_a_delayed_message_arrives_late(queue: Proxy, server: Queue) -> None:
    """And the connection goes on."""
    at_pop(queue, "upstream", do="delay", delay=int(SILENT_S * 1500))
    with queue.dial() as client:
        client.sendall(POP)
        assert silent_for(client, SILENT_S)
        assert read_exactly(client, len(JOB)) == JOB
        client.sendall(PING)
        assert read_exactly(client, len(PONG)) == PONG


def test_the_nth_message_is_counted_over_all_connections(queue: Proxy, server: Queue) -> None:
    """Since the fault was added: the third pop is the second of the second client."""
    with queue.dial() as first, queue.dial() as second:
        first.sendall(POP)
        assert read_exactly(first, len(JOB)) == JOB
        at_pop(queue, "upstream", nth=3)
        for client in (first, second):
            client.sendall(POP)
            assert read_exactly(client, len(JOB)) == JOB
        second.sendall(POP)
        assert read_to_end(second) == b""
        first.sendall(POP)
        assert read_exactly(first, len(JOB)) == JOB
    assert server.popped == 4


def test_a_message_in_single_bytes_is_cut_as_a_whole(queue: Proxy, server: Queue) -> None:
    """The engine keeps its beginning back, and the server gets none of it."""
    at_pop(queue, "upstream")
    with queue.dial() as client:
        for byte in POP[:-1]:
            client.sendall(bytes([byte]))
        until(lambda: queue.log()[0]["held_upstream"] == len(POP) - 1, "all bytes arrive")
        assert bytes(server.received) == b""
        client.sendall(POP[-1:])
        assert read_to_end(client) == b""
    assert bytes(server.received) == b""


def test_the_beginning_of_a_message_is_delivered_if_the_client_ends(
    queue: Proxy, server: Queue
) -> None:
    """As without the engine: no byte is lost."""
    with queue.dial() as client:
        client.sendall(PING + POP[:9])
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == PONG
    assert bytes(server.received) == PING + POP[:9]


def test_another_protocol_passes_unread(engine: Engine, echo_server: Address) -> None:
    """With the reason in the log; nothing is guessed and nothing is changed."""
    proxy = reading(engine, echo_server)
    at_pop(proxy, "upstream")
    hello = b"\x16\x03\x01\x02\x00\x01" + POP
    with proxy.dial() as client:
        client.sendall(hello)
        assert read_exactly(client, len(hello)) == hello
    (record,) = proxy.log()
    assert record["unread"] == "it is encrypted (TLS)"
    assert record["messages"] == []


def test_a_connection_from_before_the_reading_is_not_read(
    engine: Engine, echo_server: Address
) -> None:
    """Its first bytes are gone, so nobody knows where a message begins."""
    proxy = engine.proxy(echo_server)
    with proxy.dial() as client:
        client.sendall(PING)
        assert read_exactly(client, len(PING)) == PING
        engine.call("PUT", f"/chaoslab/proxies/{proxy.name}/messages", {"protocol": "redis"})
        at_pop(proxy, "upstream")
        client.sendall(POP)
        assert read_exactly(client, len(POP)) == POP
    assert proxy.log()[0]["unread"] == "it was opened before its messages were read"


def test_an_inert_toxic_acts_on_no_message(queue: Proxy, server: Queue) -> None:
    """As of a self-test: it is listed, and every message passes."""
    name = at_pop(queue, "upstream", name="t")
    queue.engine.call("PUT", f"/chaoslab/proxies/{queue.name}/inert", {"toxics": [name]})
    with queue.dial() as client:
        client.sendall(POP)
        assert read_exactly(client, len(JOB)) == JOB
    assert queue.log()[0]["messages"] == []


def test_what_means_nothing_is_refused(engine: Engine, queue: Proxy, proxy: Proxy) -> None:
    """An unknown protocol, settings, and a toxic on a proxy whose messages are not read."""
    path = f"/chaoslab/proxies/{proxy.name}/messages"
    error = engine.call("PUT", path, {"protocol": "smtp"}, expect=400)["error"]
    assert error == "protocol: expected one of postgres, redis; got 'smtp'"
    toxic = {"type": "at_message", "attributes": {"message": "BRPOP"}}
    refused = engine.call("POST", f"/proxies/{proxy.name}/toxics", toxic, expect=400)
    assert refused["error"] == "at_message: the messages of this proxy are not read"
    toxic["attributes"] = {"do": "drop"}
    refused = engine.call("POST", f"/proxies/{queue.name}/toxics", toxic, expect=400)
    assert "at_message: do was 'drop', expected 'cut' or 'hold' or 'delay'" in refused["error"]
