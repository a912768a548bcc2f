"""latency, bandwidth, slicer: when bytes arrive, in both directions.

A lower bound is the set delay minus a millisecond for the clocks; an upper bound has 1.5 s more,
for a machine that stalls. If a defect would take less than that, the test has a toxic of one
minute instead: bytes that pass at once arrive within the time-out of a read, or the test fails.

"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from chaoslab.clock import now_s

from .api import Api
from .arms import Arm
from .wire import EOF, SILENT, End, Pair

STREAMS = ("upstream", "downstream")
EARLY_S, LATE_S = 0.001, 1.5
OpenPair = Callable[[], Pair]


def arrives_after(sender: End, receiver: End, data: bytes = b"x") -> float:
    """Seconds from sending to the arrival of the last byte; every byte must arrive."""
    start_s = now_s()
    sender.send(data)
    assert receiver.read_exactly(len(data)).data == data
    return now_s() - start_s


def within_bounds(delay_s: float, seen_s: float) -> bool:
    """Whether a delay is the set one, within the bounds of this module."""
    return delay_s - EARLY_S <= seen_s <= delay_s + LATE_S


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("live", [False, True])
def test_latency_delays_its_own_stream_only(
    api: Api, open_pair: OpenPair, stream: str, live: bool
) -> None:
    """Added before the connection or to an open one."""
    pair = open_pair() if live else None
    path = api.toxic("db", "latency", stream, latency=120)
    pair = pair or open_pair()
    sender, receiver = pair.toward(stream)
    assert within_bounds(0.12, arrives_after(sender, receiver))
    assert api.patch(path, {"attributes": {"latency": 60_000}}).status == 200
    assert within_bounds(0.0, arrives_after(receiver, sender))


@pytest.mark.parametrize("stream", STREAMS)
def test_queued_chunks_are_not_delayed_twice(api: Api, pair: Pair, stream: str) -> None:
    """Ten chunks sent at once through 400 ms arrive after 400 ms, not after four seconds."""
    api.toxic("db", "latency", stream, latency=400)
    sender, receiver = pair.toward(stream)
    start_s = now_s()
    for _ in range(10):
        sender.send(b"x")
    assert receiver.read_exactly(10).data == b"x" * 10
    assert within_bounds(0.4, now_s() - start_s)


@pytest.mark.parametrize("stream", STREAMS)
def test_jitter_spreads_delays_within_its_range(api: Api, pair: Pair, stream: str) -> None:
    """100 ± 60 ms: never before 40 ms, and not all the same."""
    sender, receiver = pair.toward(stream)
    api.toxic("db", "latency", stream, latency=100, jitter=60)
    seen = [arrives_after(sender, receiver) for _ in range(6)]
    assert all(0.04 - EARLY_S <= one <= 0.16 + LATE_S for one in seen)
    assert max(seen) - min(seen) > 0.005  # six uniform draws within 5 of 120 ms: 1 in 10^6


@pytest.mark.parametrize("stream", STREAMS)
def test_latency_delays_a_close_behind_its_bytes(api: Api, pair: Pair, stream: str) -> None:
    """Bytes sent before a close arrive late, then EOF."""
    sender, receiver = pair.toward(stream)
    api.toxic("db", "latency", stream, latency=100)
    start_s = now_s()
    sender.send(b"last")
    sender.close()
    seen = receiver.read_end()
    assert (seen.data, seen.end) == (b"last", EOF)
    assert within_bounds(0.1, now_s() - start_s)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("change", ["remove", "reset"])
def test_bytes_held_by_latency_arrive_when_it_is_removed(
    api: Api, pair: Pair, change: str, stream: str
) -> None:
    """At once and completely, although the latency was a minute."""
    sender, receiver = pair.toward(stream)
    path = api.toxic("db", "latency", stream, latency=60_000)
    sender.send(b"held")
    assert receiver.read(0.1).end == SILENT
    assert (api.delete(path) if change == "remove" else api.post("/reset")).status == 204
    assert receiver.read_exactly(4).data == b"held"
    assert within_bounds(0.0, arrives_after(sender, receiver))


@pytest.mark.parametrize("stream", STREAMS)
def test_a_changed_latency_applies_to_open_connections(api: Api, pair: Pair, stream: str) -> None:
    """From the next byte on."""
    sender, receiver = pair.toward(stream)
    path = api.toxic("db", "latency", stream, latency=0)
    assert within_bounds(0.0, arrives_after(sender, receiver))
    assert api.patch(path, {"attributes": {"latency": 150}}).status == 200
    assert within_bounds(0.15, arrives_after(sender, receiver))


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("attributes", [{"latency": -100}, {"jitter": -100}, {}])
def test_a_latency_of_zero_or_less_does_not_delay(
    api: Api, pair: Pair, attributes: dict[str, int], stream: str
) -> None:
    """Also with a jitter of zero or less."""
    sender, receiver = pair.toward(stream)
    api.toxic("db", "latency", stream, **attributes)
    assert within_bounds(0.0, arrives_after(sender, receiver))


@pytest.mark.parametrize("stream", STREAMS)
def test_toxics_of_one_stream_add_up(arm: Arm, api: Api, pair: Pair, stream: str) -> None:
    """Two latencies delay by their sum; a noop between them adds nothing.

    Toxiproxy takes the time for which a chunk waited for the first latency off the second one too:
    on a busy machine its sum is shorter, but longer than either.
    """
    sender, receiver = pair.toward(stream)
    for name in ("one", "two"):
        body = {"type": "latency", "stream": stream, "name": name, "attributes": {"latency": 200}}
        assert api.post("/proxies/db/toxics", body).status == 200
        if name == "one":
            api.toxic("db", "noop", stream)
    waited_s = 0.0 if arm.is_embedded else 0.15
    assert 0.4 - waited_s - EARLY_S <= arrives_after(sender, receiver) <= 0.4 + LATE_S


@pytest.mark.parametrize("stream", STREAMS)
def test_toxicity_zero_affects_no_connection(api: Api, open_pair: OpenPair, stream: str) -> None:
    """A toxic with toxicity 0 has no effect."""
    body = {"type": "latency", "stream": stream, "toxicity": 0, "attributes": {"latency": 60_000}}
    assert api.post("/proxies/db/toxics", body).status == 200
    for _ in range(5):
        sender, receiver = open_pair().toward(stream)
        assert within_bounds(0.0, arrives_after(sender, receiver))


def test_toxicity_is_a_share_of_connections(api: Api, open_pair: OpenPair) -> None:
    """At 0.5 some of sixty connections are affected and some are not (all the same: 1 in 10^17)."""
    body = {"type": "timeout", "toxicity": 0.5, "attributes": {"timeout": 1}}
    assert api.post("/proxies/db/toxics", body).status == 200
    pairs = [open_pair() for _ in range(60)]
    for pair in pairs:
        with contextlib.suppress(OSError):  # an affected one may already have ended
            pair.upstream.send(b"x")
    # Only unaffected connections pass the byte; the others end.
    assert 8 <= sum(not pair.client.read().data for pair in pairs) <= 52


@pytest.mark.parametrize("stream", STREAMS)
def test_bandwidth_passes_its_rate(api: Api, pair: Pair, stream: str) -> None:
    """30,000 bytes at 100 KB/s take 0.3 s; the other direction is not limited."""
    path = api.toxic("db", "bandwidth", stream, rate=100)
    sender, receiver = pair.toward(stream)
    assert 0.25 <= arrives_after(sender, receiver, b"q" * 30_000) <= 0.3 + LATE_S
    assert api.patch(path, {"attributes": {"rate": 1}}).status == 200
    assert within_bounds(0.0, arrives_after(receiver, sender, b"q" * 30_000))


@pytest.mark.parametrize("stream", STREAMS)
def test_bandwidth_passes_bytes_bit_by_bit(api: Api, pair: Pair, stream: str) -> None:
    """Some of the bytes arrive well before the last one."""
    sender, receiver = pair.toward(stream)
    path = api.toxic("db", "bandwidth", stream, rate=20)
    sender.send(b"q" * 80_000)
    early = receiver.read_exactly(5_000).data
    # The bytes of 0.25 s; all bytes take 4 s, so 3 s are left for a stall.
    assert 5_000 <= len(early) <= 65_000
    assert api.delete(path).status == 204
    assert len(early + receiver.read_exactly(80_000 - len(early)).data) == 80_000


@pytest.mark.parametrize("stream", STREAMS)
def test_a_rate_of_zero_holds_bytes_until_it_is_removed(api: Api, pair: Pair, stream: str) -> None:
    """Nothing passes, nothing is lost."""
    sender, receiver = pair.toward(stream)
    path = api.toxic("db", "bandwidth", stream, rate=0)
    sender.send(b"q" * 500)
    assert receiver.read(0.15).end == SILENT
    assert api.delete(path).status == 204
    assert receiver.read_exactly(500).data == b"q" * 500


@pytest.mark.parametrize("stream", STREAMS)
def test_bytes_held_by_bandwidth_arrive_when_it_is_removed(
    api: Api, pair: Pair, stream: str
) -> None:
    """60,000 bytes at 1 KB/s would take a minute; after the removal they arrive at once."""
    sender, receiver = pair.toward(stream)
    path = api.toxic("db", "bandwidth", stream, rate=1)
    sender.send(b"q" * 60_000)
    early = receiver.read(0.3).data
    assert api.delete(path).status == 204
    seen = receiver.read_exactly(60_000 - len(early))
    assert len(early) + len(seen.data) == 60_000


@pytest.mark.parametrize("stream", STREAMS)
def test_slicer_cuts_chunks_and_spaces_them(api: Api, pair: Pair, stream: str) -> None:
    """100 bytes in slices of 10 ± 3, 20 ms apart (the delay is in microseconds)."""
    path = api.toxic("db", "slicer", stream, average_size=10, size_variation=3, delay=20_000)
    sender, receiver = pair.toward(stream)
    data = bytes(range(100))
    start_s = now_s()
    sender.send(data)
    assert receiver.read_exactly(100).data == data
    assert 0.1 <= now_s() - start_s <= 0.6 + LATE_S  # 7 to 14 slices, 20 ms and more apart
    # With these pauses a read gets one slice, or two if the first was read late.
    assert api.patch(path, {"attributes": {"delay": 2_000_000}}).status == 200
    sender.send(data)
    first = receiver.read()
    assert 1 <= len(first.data) <= 26
    assert api.delete(path).status == 204
    assert first.data + receiver.read_exactly(100 - len(first.data)).data == data


@pytest.mark.parametrize("stream", STREAMS)
def test_slicer_without_delay_only_cuts(api: Api, pair: Pair, stream: str) -> None:
    """All bytes arrive in order, without a delay."""
    sender, receiver = pair.toward(stream)
    api.toxic("db", "slicer", stream, average_size=64, size_variation=32)
    data = bytes(range(256)) * 16
    assert within_bounds(0.0, arrives_after(sender, receiver, data))


@pytest.mark.parametrize("stream", STREAMS)
def test_noop_has_no_effect(api: Api, pair: Pair, stream: str) -> None:
    """Bytes pass as without it."""
    sender, receiver = pair.toward(stream)
    api.toxic("db", "noop", stream)
    assert within_bounds(0.0, arrives_after(sender, receiver))
