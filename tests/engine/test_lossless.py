"""No byte is lost, altered or reordered, whatever comes and goes while data is in flight."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from .rig import Engine, Proxy, read_exactly, upstream

CHUNKS = 65_535
CHUNK = struct.Struct("!I")
# Toxics that let everything pass in the end, mild enough that the whole run stays short.
PASSING: list[tuple[str, dict[str, int]]] = [
    ("latency", {"latency": 3, "jitter": 2}),
    ("slicer", {"average_size": 700, "size_variation": 300, "delay": 0}),
    ("bandwidth", {"rate": 20_000}),
    ("noop", {}),
    ("silence", {}),
    ("slow_close", {"delay": 5}),
]


def churn(proxy: Proxy, stop: threading.Event, seed: int) -> list[str]:
    """Add, change and remove toxics on both streams at random until told to stop."""
    dice = random.Random(seed)
    standing: list[str] = []
    done: list[str] = []
    while not stop.is_set():
        if standing and dice.random() < 0.5:
            name = standing.pop(dice.randrange(len(standing)))
            if dice.random() < 0.3:
                proxy.change(name, toxicity=dice.choice([0.0, 1.0]))
            proxy.remove(name)
            done.append(f"-{name}")
        else:
            type_, attributes = dice.choice(PASSING)
            stream = dice.choice(["upstream", "downstream"])
            name = f"{type_}{len(done)}"
            proxy.toxic(type_, stream, name=name, **attributes)
            standing.append(name)
            done.append(f"+{name}")
        if dice.random() < 0.2:
            hold = dice.choice(["hold", "keep"])
            proxy.connect(dice.choice(["dropped", "accept"]), hold)
    proxy.connect("accept")
    for name in standing:
        proxy.remove(name)
    return done


def numbered() -> Iterator[bytes]:
    """All chunks, each with its number."""
    return (CHUNK.pack(number) for number in range(CHUNKS))


def send_numbered(sock: socket.socket) -> None:
    """Send them one by one, and then the end."""
    for chunk in numbered():
        sock.sendall(chunk)
    sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_65535_numbered_chunks_each_way_survive_toxics_that_come_and_go(
    engine: Engine, seed: int
) -> None:
    """Both directions arrive whole and in order, while faults change a hundred times."""
    arrived: dict[str, bytes] = {}

    def serve(sock: socket.socket) -> None:
        sender = threading.Thread(target=send_numbered, args=(sock,))
        sender.start()
        arrived["upstream"] = read_exactly(sock, CHUNKS * CHUNK.size + 1)
        sender.join()

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        stop = threading.Event()
        done: list[str] = []
        churner = threading.Thread(target=lambda: done.extend(churn(proxy, stop, seed)))
        with proxy.dial(timeout_s=60) as client:
            churner.start()
            sender = threading.Thread(target=send_numbered, args=(client,))
            sender.start()
            reader_stop = threading.Timer(3.0, stop.set)
            reader_stop.start()
            arrived["downstream"] = read_exactly(client, CHUNKS * CHUNK.size + 1)
            sender.join()
            stop.set()
            reader_stop.cancel()
            churner.join()
    expected = b"".join(numbered())
    assert arrived["downstream"] == expected
    assert arrived["upstream"] == expected
    assert len(done) > 20, "the faults hardly changed, so this showed nothing"


def test_bulk_survives_the_change_between_splice_and_toxics(engine: Engine) -> None:
    """96 MB in flight keep their hash while the stream goes to and fro between its two ways."""
    block = random.Random(5).randbytes(1 << 20)
    blocks = 96

    def serve(sock: socket.socket) -> None:
        for _ in range(blocks):
            sock.sendall(block)

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        stop = threading.Event()

        def toggle() -> None:
            while not stop.wait(0.01):
                proxy.remove(proxy.toxic("noop"))
                proxy.connect("dropped")
                proxy.connect("accept")

        toggler = threading.Thread(target=toggle)
        with proxy.dial() as client:
            toggler.start()
            got, digest = 0, hashlib.sha256()
            while data := client.recv(1 << 18):
                digest.update(data)
                got += len(data)
            stop.set()
            toggler.join()
    assert got == blocks * len(block)
    assert digest.digest() == hashlib.sha256(block * blocks).digest()


def test_a_slow_reader_gets_everything_and_holds_the_sender_back(engine: Engine) -> None:
    """Without toxics nothing piles up in the engine: what waits is bounded by the pipe."""
    total = 32 << 20
    sent = threading.Event()

    def serve(sock: socket.socket) -> None:
        sock.sendall(bytes(total))
        sent.set()

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        with proxy.dial() as client:
            assert not sent.wait(0.3), "32 MB went out although nobody read them"
            (record,) = proxy.log()
            assert record["held_downstream"] <= 1 << 20
            assert read_exactly(client, total + 1) == bytes(total)
            assert sent.is_set()
