"""No byte is lost, altered or reordered while toxics are added, changed and removed."""

from __future__ import annotations

import hashlib
import itertools
import random
import socket
import struct
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from rigs.examples import examples

from .rig import Engine, Proxy, read_exactly, read_to_end, upstream

CHUNKS = 65_535
CHUNK = struct.Struct("!I")
# Toxics that pass all bytes in the end, with short delays so that the test is short.
PASSING: list[tuple[str, dict[str, int]]] = [
    ("latency", {"latency": 3, "jitter": 2}),
    ("slicer", {"average_size": 700, "size_variation": 300, "delay": 0}),
    ("bandwidth", {"rate": 20_000}),
    ("noop", {}),
    ("silence", {}),
    ("slow_close", {"delay": 5}),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A toxic is added (`add`: type and attributes) or removed, or the connect mode is set."""

    add: tuple[str, dict[str, int]] | None = None
    stream: str = "downstream"
    toxicity: float | None = None  # set before the toxic is removed
    mode: str = ""
    established: str = "keep"


STREAMS = ("upstream", "downstream")
CHANGES = st.one_of(
    st.builds(Change, add=st.sampled_from(PASSING), stream=st.sampled_from(STREAMS)),
    st.builds(Change, toxicity=st.sampled_from([None, 0.0, 1.0])),
    st.builds(
        Change,
        mode=st.sampled_from(["dropped", "accept"]),
        established=st.sampled_from(["hold", "keep"]),
    ),
)
ALL_CHANGES = [
    *(Change(add=each, stream=stream) for each in PASSING for stream in STREAMS),
    Change(mode="dropped", established="hold"),
    *(Change(toxicity=toxicity) for toxicity in (None, 0.0, 1.0) for _ in range(4)),
]


def churn(proxy: Proxy, changes: list[Change]) -> None:
    """Add, change and remove toxics on both streams at random, until stopped."""
    present: list[str] = []
    for count, change in enumerate(changes):
        if change.mode:
            proxy.connect(change.mode, change.established)
        elif change.add is not None:
            kind, attributes = change.add
            present.append(proxy.toxic(kind, change.stream, name=f"{kind}{count}", **attributes))
        elif present:
            if change.toxicity is not None:
                proxy.change(present[0], toxicity=change.toxicity)
            proxy.remove(present.pop(0))
    proxy.connect("accept")
    for name in present:
        proxy.remove(name)


NUMBERED = b"".join(CHUNK.pack(number) for number in range(CHUNKS))


def send_numbered(sock: socket.socket, sizes: list[int], last: threading.Event) -> int:
    """Send the chunks one by one, then the end."""
    each, rounds = itertools.cycle(sizes), 0
    while not (rounds and last.is_set()):
        sent, rounds = 0, rounds + 1
        while sent < len(NUMBERED):
            size = next(each)
            sock.sendall(NUMBERED[sent : sent + size])
            sent += size
    sock.shutdown(socket.SHUT_WR)
    return rounds


SIZES = st.lists(st.integers(CHUNK.size, 3000), min_size=1, max_size=8)


@settings(examples(4), phases=[Phase.explicit, Phase.reuse, Phase.generate])  # too slow to shrink
@given(st.lists(CHANGES, min_size=12, max_size=60), SIZES, SIZES)
@example(ALL_CHANGES * 3, [CHUNK.size], [CHUNK.size])
def test_65535_numbers_arrive_in_both_directions_while_toxics_change(
    engine: Engine, changes: list[Change], up: list[int], down: list[int]
) -> None:
    """All arrive in order, in whatever chunks they were sent."""
    last = threading.Event()
    with ThreadPoolExecutor() as threads:
        served: Future[tuple[bytes, int]] = Future()

        def serve(sock: socket.socket) -> None:
            sender = threads.submit(send_numbered, sock, down, last)
            served.set_result((read_to_end(sock), sender.result()))

        with upstream(serve) as address:
            proxy = engine.proxy(address)
            with proxy.dial(timeout_s=60) as client:
                sender = threads.submit(send_numbered, client, up, last)
                reader = threads.submit(read_to_end, client)
                try:
                    churn(proxy, changes)
                finally:
                    last.set()
                arrived_down, rounds_up = reader.result(), sender.result()
            arrived_up, rounds_down = served.result(timeout=60)
    assert arrived_down == NUMBERED * rounds_down
    assert arrived_up == NUMBERED * rounds_up


def test_bulk_data_is_intact_after_changes_between_splice_and_toxics(engine: Engine) -> None:
    """96 MB keep their hash while the stream changes between splice and toxics."""
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


def test_a_slow_reader_gets_all_bytes_and_slows_the_sender(engine: Engine) -> None:
    """Without toxics, the bytes that wait in the engine are limited by the pipe."""
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
