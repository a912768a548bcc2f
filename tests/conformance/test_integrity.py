"""No byte lost, altered or reordered while toxics come and go."""

from __future__ import annotations

import struct
import threading

import pytest

from chaoslab.seeds import generator

from .api import Api
from .wire import Pair

CHUNKS = 65_535
KINDS = {
    "noop": {},
    "latency": {"latency": 3, "jitter": 2},
    "bandwidth": {"rate": 50_000},
    "slicer": {"average_size": 512, "size_variation": 200, "delay": 1},
    "slow_close": {"delay": 10},
}


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_numbered_chunks_all_arrive_in_order(api: Api, pair: Pair, stream: str) -> None:
    """65,535 numbered chunks, while delaying toxics are added, changed and removed under them."""
    sender, receiver = pair.toward(stream)
    expected = b"".join(struct.pack(">I", n) for n in range(CHUNKS))
    # A second connection's worth of changes: at least this many while the bytes flow.
    changed = 0

    def send() -> None:
        for start in range(0, len(expected), 64):
            sender.send(expected[start : start + 64])

    thread = threading.Thread(target=send)
    got = threading.Thread(target=lambda: seen.append(receiver.read_exactly(len(expected), 20.0)))
    seen: list[object] = []
    thread.start()
    got.start()
    draw = generator(3, "integrity", stream)
    while got.is_alive():
        kind = draw.choice(list(KINDS))
        path = api.toxic("db", kind, stream, **KINDS[kind])
        if "latency" in KINDS[kind]:
            api.patch(path, {"attributes": {"latency": 1}})
        assert api.delete(path).status == 204
        changed += 1
    thread.join()
    got.join()
    (answer,) = seen
    assert getattr(answer, "end", "?") is None
    assert getattr(answer, "data", b"") == expected
    assert changed >= 3
