"""How connections end: by FIN, half-close, reset or fault; and what the log says about it."""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
import time

import pytest

from .rig import Address, Engine, Proxy, read_exactly, read_to_end, silent_for, until, upstream


def reset(sock: socket.socket) -> None:
    """Close with an RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def end_of(proxy: Proxy) -> str | None:
    """The `end` of the proxy's only connection."""
    (record,) = proxy.log()
    return record["end"]


def test_the_end_of_one_direction_does_not_cut_the_other(engine: Engine) -> None:
    """A client that half-closes still gets a long answer, which is sent only after that."""
    answer = bytes(range(256)) * 4096

    def serve(sock: socket.socket) -> None:
        assert read_to_end(sock) == b"question"
        sock.sendall(answer)

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        with proxy.dial() as client:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client) == answer
        until(lambda: end_of(proxy) == "client_closed", "the end is logged")
    (record,) = proxy.log()
    assert (record["bytes_upstream"], record["bytes_downstream"]) == (8, len(answer))
    assert record["opened_s"] <= record["upstream_connected_s"] <= record["closed_s"]


def test_a_reset_by_the_server_reaches_the_client_as_a_reset(engine: Engine) -> None:
    """An RST does not arrive as a FIN."""
    with upstream(lambda sock: reset(sock) if sock.recv(1) else None) as address:
        proxy = engine.proxy(address)
        with proxy.dial() as client:
            client.sendall(b"x")
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        assert end_of(proxy) == "upstream_reset"


def test_a_reset_by_the_client_reaches_the_server_as_a_reset(engine: Engine) -> None:
    """The same in the other direction."""
    seen: queue.Queue[str] = queue.Queue()

    def serve(sock: socket.socket) -> None:
        try:
            seen.put(repr(read_to_end(sock)))
        except ConnectionResetError:
            seen.put("reset")

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        client = proxy.dial()
        client.sendall(b"x")
        until(lambda: proxy.log()[0]["bytes_upstream"] == 1, "the byte is through")
        reset(client)
        assert seen.get(timeout=5) == "reset"
        assert end_of(proxy) == "client_reset"


def test_a_proxy_counts_what_it_has_received_on_all_connections(engine: Engine) -> None:
    """On the open ones too, and what they carried stays counted when they end."""
    both = {"upstream": 6, "downstream": 14}

    def serve(sock: socket.socket) -> None:
        sock.sendall(b"welcome")
        read_to_end(sock)

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        with proxy.dial() as one, proxy.dial() as two:
            for client in (one, two):
                client.sendall(b"abc")
                read_exactly(client, 7)
            until(lambda: proxy.show()["received"] == both, "both are counted while open")
        until(lambda: proxy.show()["connections_open"] == 0, "they have ended")
        assert proxy.show()["received"] == both


def test_a_cut_path_passes_no_end_until_it_heals(engine: Engine) -> None:
    """While severed, neither FIN nor RST passes; after the heal the server gets the end."""
    ended = threading.Event()

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(ConnectionResetError):
            read_to_end(sock)
        ended.set()

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        with proxy.dial() as closing, proxy.dial():
            until(lambda: all(r["upstream_connected_s"] for r in proxy.log()), "both connected")
            proxy.connect("dropped")
            closing.close()
            assert not ended.wait(0.2)
            assert proxy.show()["connections_open"] == 2
            proxy.connect("accept")
            assert ended.wait(5)


def test_a_refused_upstream_closes_the_client(engine: Engine) -> None:
    """As in Toxiproxy, the client is accepted, then closed. The log has the reason."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = engine.proxy(nobody.getsockname())
        with proxy.dial() as client:
            assert read_to_end(client) == b""
    (record,) = proxy.log()
    assert record["end"] == "upstream_refused"
    assert record["upstream_connected_s"] is None


def test_an_upstream_that_cannot_be_resolved_closes_the_client(engine: Engine) -> None:
    """The log has another reason than for a refusal."""
    proxy = engine.proxy(("not an address", 1))
    with proxy.dial() as client:
        assert read_to_end(client) == b""
    assert end_of(proxy) == "upstream_unreachable"


def test_disabling_closes_connections_and_frees_the_port(proxy: Proxy) -> None:
    """`enabled: false` ends open connections and refuses new ones."""
    with proxy.dial() as client:
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
        proxy.engine.call("PATCH", f"/proxies/{proxy.name}", {"enabled": False})
        assert read_to_end(client) == b""
    assert end_of(proxy) == "proxy_disabled"
    with socket.create_server(proxy.address):
        pass
    proxy.engine.call("PATCH", f"/proxies/{proxy.name}", {"enabled": True})


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_reset_peer_resets_an_idle_pooled_connection(proxy: Proxy, stream: str) -> None:
    """Added to an idle connection, it sends an RST after its time-out, not earlier."""
    with proxy.dial() as client:
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
        begun = time.monotonic()
        proxy.toxic("reset_peer", stream, timeout=150)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert 0.149 <= time.monotonic() - begun < 2.5  # the upper bound is for a busy machine
    (record,) = proxy.log()
    assert record["end"] == "reset_by_fault"
    assert [m["type"] for m in record["met"]] == ["reset_peer"]


def test_reset_peer_removed_before_its_time_delivers_the_held_bytes(proxy: Proxy) -> None:
    """Bytes that were held for a reset that did not happen are not lost."""
    with proxy.dial() as client:
        name = proxy.toxic("reset_peer", "upstream", timeout=60_000)
        client.sendall(b"kept")
        assert silent_for(client, 0.1)
        proxy.remove(name)
        assert read_exactly(client, 4) == b"kept"


def test_traffic_does_not_restart_a_timeout(proxy: Proxy) -> None:
    """A client that keeps sending is closed at the time-out nevertheless."""
    with proxy.dial() as client:
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
        begun = time.monotonic()
        proxy.toxic("timeout", "upstream", timeout=300)
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - begun < 5:
                client.sendall(b"again")
                if not silent_for(client, 0.02):
                    break
        assert 0.299 <= time.monotonic() - begun < 3.5  # restarted by traffic, it would take 5 s
    assert end_of(proxy) == "closed_by_fault"


def test_a_removed_timeout_closes_the_connection(proxy: Proxy) -> None:
    """A stream that lost bytes never goes on."""
    with proxy.dial() as client:
        name = proxy.toxic("timeout", "upstream", timeout=0)
        client.sendall(b"lost")
        assert silent_for(client, 0.1)
        proxy.remove(name)
        assert read_to_end(client) == b""
    (record,) = proxy.log()
    assert record["end"] == "closed_by_fault"
    assert [(m["type"], m["bytes"]) for m in record["met"]] == [("timeout", 4)]


@pytest.mark.parametrize("limit", [1, 1000, 100_000])
def test_limit_data_delivers_its_last_byte_and_then_closes(engine: Engine, limit: int) -> None:
    """Exactly the limit arrives, then a FIN."""

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.sendall(bytes(1 << 20))
            sock.recv(1)

    with upstream(serve) as address:
        proxy = engine.proxy(address, toxics=[])
        proxy.toxic("limit_data", bytes=limit)
        with proxy.dial() as client:
            assert len(read_to_end(client)) == limit
        assert end_of(proxy) == "closed_by_fault"


def test_silence_with_reset_ends_its_connections_at_the_heal(proxy: Proxy) -> None:
    """`at_heal: reset` sends an RST to the connections to which the toxic applied."""
    with proxy.dial() as client:
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
        name = proxy.toxic("silence", "upstream", at_heal="reset")
        client.sendall(b"gone")
        assert silent_for(client, 0.1)
        proxy.remove(name)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_slow_close_delays_the_end_and_only_the_end(proxy: Proxy) -> None:
    """Bytes arrive at once, the end after the delay."""
    name = proxy.toxic("slow_close", delay=60_000)
    with proxy.dial() as client:
        client.sendall(b"now")
        assert read_exactly(client, 3) == b"now", "delayed like the end: longer than anybody waits"
        proxy.change(name, attributes={"delay": 300})
        begun = time.monotonic()
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""
        assert 0.299 <= time.monotonic() - begun < 2.5  # the upper bound is for a busy machine


def test_a_client_that_resets_under_silence_is_detected_at_the_heal(
    engine: Engine, echo_server: Address
) -> None:
    """Its RST is held like all bytes, and then ends the connection."""
    proxy = engine.proxy(echo_server)
    client = proxy.dial()
    client.sendall(b"x")
    assert read_exactly(client, 1) == b"x"
    proxy.connect("dropped")
    reset(client)
    time.sleep(0.05)
    assert end_of(proxy) is None
    proxy.connect("accept")
    until(lambda: end_of(proxy) == "client_reset", "the reset is passed on")
