"""Connections through a proxy without toxics: bytes, ends and cuts."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from chaoslab.seeds import generator

from .api import Api
from .wire import EOF, RESET, Pair, Service

STREAMS = ("upstream", "downstream")
OpenPair = Callable[[], Pair]


@pytest.mark.parametrize("stream", STREAMS)
def test_bytes_arrive_unaltered(pair: Pair, stream: str) -> None:
    """Every byte value, in order."""
    sender, receiver = pair.toward(stream)
    data = bytes(range(256)) * 4
    sender.send(data)
    assert receiver.read_exactly(len(data)).data == data


@pytest.mark.parametrize("stream", STREAMS)
def test_a_large_transfer_arrives_completely(pair: Pair, stream: str) -> None:
    """16 MiB, more than all buffers on the path, then EOF."""
    sender, receiver = pair.toward(stream)
    data = generator(1, "transfer", stream).randbytes(1 << 24)

    def send() -> None:
        sender.send(data)
        sender.close()

    thread = threading.Thread(target=send)
    thread.start()
    seen = receiver.read_end(20.0)
    thread.join()
    assert (seen.end, len(seen.data)) == (EOF, len(data))
    assert seen.data == data


@pytest.mark.parametrize("stream", STREAMS)
def test_a_close_reaches_the_other_end_after_the_bytes(pair: Pair, stream: str) -> None:
    """Bytes sent before a close are delivered, then EOF."""
    sender, receiver = pair.toward(stream)
    sender.send(b"last words")
    sender.close()
    seen = receiver.read_end()
    assert (seen.data, seen.end) == (b"last words", EOF)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_reset_ends_the_other_end(pair: Pair, stream: str) -> None:
    """An RST from one end ends a read at the other, as EOF or as RST."""
    sender, receiver = pair.toward(stream)
    sender.send(b"x")
    assert receiver.read_exactly(1).data == b"x"
    sender.reset()
    assert receiver.read().end in {EOF, RESET}


def test_both_directions_work_at_once(pair: Pair) -> None:
    """A hundred rounds in both directions lose nothing."""
    for n in range(100):
        ping, pong = b"ping%d" % n, b"pong%d" % n
        pair.client.send(ping)
        assert pair.upstream.read_exactly(len(ping)).data == ping
        pair.upstream.send(pong)
        assert pair.client.read_exactly(len(pong)).data == pong


def test_connections_do_not_mix(open_pair: OpenPair) -> None:
    """Twenty connections at the same time, each with its own bytes."""
    pairs = [open_pair() for _ in range(20)]
    for n, pair in enumerate(pairs):
        pair.client.send(b"%02d" % n)
        pair.upstream.send(b"u%02d" % n)
    for n, pair in enumerate(pairs):
        assert pair.upstream.read_exactly(2).data == b"%02d" % n
        assert pair.client.read_exactly(3).data == b"u%02d" % n


@pytest.mark.parametrize("cut", ["disable", "delete", "upstream", "listen"])
def test_a_cut_ends_both_ends(api: Api, pair: Pair, cut: str) -> None:
    """Disabling, deleting or moving a proxy ends its open connections, during a read."""
    pair.client.send(b"x")
    assert pair.upstream.read_exactly(1).data == b"x"
    if cut == "delete":
        assert api.delete("/proxies/db").status == 204
    else:
        change = {"disable": {"enabled": False}, "upstream": {"upstream": "127.0.0.1:1"},
                  "listen": {"listen": "127.0.0.1:0"}}[cut]  # fmt: skip
        assert api.post("/proxies/db", change).status == 200
    for end in (pair.client, pair.upstream):
        seen = end.read()
        assert (seen.data, seen.end in {EOF, RESET}) == (b"", True)


def test_an_update_without_a_change_keeps_connections(
    api: Api, service: Service, pair: Pair
) -> None:
    """The body has the values that are already set."""
    listen = api.get("/proxies/db").fields["listen"]
    body = {"enabled": True, "listen": listen, "upstream": service.address}
    assert api.post("/proxies/db", body).status == 200
    pair.client.send(b"x")
    assert pair.upstream.read_exactly(1).data == b"x"


def test_a_new_upstream_gets_the_next_connection(api: Api, listen: str, pair: Pair) -> None:
    """The proxy keeps its port and connects to the new upstream."""
    with Service() as other:
        assert api.patch("/proxies/db", {"upstream": other.address}).status == 200
        fresh = other.pair(listen)
        fresh.client.send(b"new")
        assert fresh.upstream.read_exactly(3).data == b"new"


def test_a_proxy_enabled_again_serves_again(api: Api, open_pair: OpenPair) -> None:
    """Disabled and enabled five times."""
    for _ in range(5):
        api.post("/proxies/db", {"enabled": False})
        api.post("/proxies/db", {"enabled": True})
        pair = open_pair()
        pair.client.send(b"x")
        assert pair.upstream.read_exactly(1).data == b"x"
