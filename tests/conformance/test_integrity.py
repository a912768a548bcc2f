"""No byte is lost, altered or reordered while toxics change."""

from __future__ import annotations

import struct
import threading

import pytest

from chaoslab.seeds import generator

from .api import Api
from .wire import Pair

CHUNKS = 65_535
CHANGES = 20
KINDS = {
    "noop": {},
    "latency": {"latency": 3, "jitter": 2},
    "bandwidth": {"rate": 50_000},
    "slicer": {"average_size": 512, "size_variation": 200, "delay": 1},
    "slow_close": {"delay": 10},
}


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_numbered_chunks_all_arrive_in_order(api: Api, pair: Pair, stream: str) -> None:
    """65,535 numbered chunks, while delaying toxics are added, changed and removed."""
    sender, receiver = pair.toward(stream)
    expected = b"".join(struct.pack(">I", n) for n in range(CHUNKS))
    # One part may go for every change, and one after the last: however fast the proxy is, all
    # changes are made while bytes flow or are still to come.
    parts = 2 * CHANGES + 1
    may_go = threading.Semaphore(0)

    def send() -> None:
        size = -(-len(expected) // parts)
        for start in range(0, len(expected), size):
            may_go.acquire()
            part = expected[start : start + size]
            for at in range(0, len(part), 64):
                sender.send(part[at : at + 64])

    seen: list[object] = []
    thread = threading.Thread(target=send)
    got = threading.Thread(target=lambda: seen.append(receiver.read_exactly(len(expected), 20.0)))
    thread.start()
    got.start()
    draw = generator(3, "integrity", stream)
    try:
        for _ in range(CHANGES):
            kind = draw.choice(list(KINDS))
            path = api.toxic("db", kind, stream, **KINDS[kind])
            may_go.release()
            if "latency" in KINDS[kind]:
                api.patch(path, {"attributes": {"latency": 1}})
            assert api.delete(path).status == 204
            may_go.release()
        assert not seen, "it had all arrived before the last part was sent"
    finally:
        may_go.release(parts)
        thread.join()
        got.join()
    (answer,) = seen
    assert getattr(answer, "end", "?") is None
    assert getattr(answer, "data", b"") == expected
