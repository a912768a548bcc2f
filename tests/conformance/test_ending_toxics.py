"""timeout, reset_peer, slow_close, limit_data: how and when connections end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chaoslab.clock import now_s

from .api import Api
from .wire import EOF, RESET, SILENT, Pair

STREAMS = ("upstream", "downstream")
EARLY_S, LATE_S = 0.001, 1.5  # for the clocks; for a machine that stalls
OpenPair = Callable[[], Pair]


def within_bounds(delay_s: float, seen_s: float) -> bool:
    """Whether a delay is the set one, within the bounds of this module."""
    return delay_s - EARLY_S <= seen_s <= delay_s + LATE_S


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("live", [False, True])
def test_timeout_ends_an_idle_connection(
    api: Api, open_pair: OpenPair, stream: str, live: bool
) -> None:
    """Both ends get EOF when the time is over, counted from the later of toxic and connection."""
    pair = open_pair() if live else None
    start_s = now_s()
    api.toxic("db", "timeout", stream, timeout=150)
    pair = pair or open_pair()
    ends = (pair.client.read(), pair.upstream.read())
    assert [seen.end for seen in ends] == [EOF, EOF]
    assert within_bounds(0.15, now_s() - start_s)


@pytest.mark.parametrize("stream", STREAMS)
def test_timeout_passes_no_byte(api: Api, pair: Pair, stream: str) -> None:
    """Bytes of its stream never arrive; those of the other stream do."""
    path = api.toxic("db", "timeout", stream, timeout=60_000)
    sender, receiver = pair.toward(stream)
    sender.send(b"never")
    receiver.send(b"other way")
    assert sender.read_exactly(9).data == b"other way"
    assert api.patch(path, {"attributes": {"timeout": 150}}).status == 200
    seen = receiver.read_end()
    assert (seen.data, seen.end) == (b"", EOF)


@pytest.mark.parametrize("stream", STREAMS)
def test_timeout_zero_never_ends_by_itself(api: Api, pair: Pair, stream: str) -> None:
    """No byte passes until it is removed."""
    api.toxic("db", "timeout", stream)
    sender, receiver = pair.toward(stream)
    sender.send(b"never")
    assert receiver.read(0.2).end == SILENT
    assert sender.read(0.01).end == SILENT


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("change", ["remove", "reset"])
def test_a_removed_timeout_ends_its_connections(
    api: Api, pair: Pair, change: str, stream: str
) -> None:
    """A stream that lost bytes must not go on: both ends get EOF."""
    sender, receiver = pair.toward(stream)
    path = api.toxic("db", "timeout", stream)
    sender.send(b"lost")
    assert receiver.read(0.05).end == SILENT
    assert (api.delete(path) if change == "remove" else api.post("/reset")).status == 204
    assert (receiver.read_end().data, sender.read().end) == (b"", EOF)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_timeout_can_be_changed_on_an_open_connection(api: Api, pair: Pair, stream: str) -> None:
    """From never to 100 ms, while it is in force."""
    _, receiver = pair.toward(stream)
    # Toxiproxy counts from the change, the engine from when the toxic first applied.
    start_s = now_s()
    path = api.toxic("db", "timeout", stream)
    assert api.patch(path, {"attributes": {"timeout": 100}}).status == 200
    assert receiver.read().end == EOF
    assert within_bounds(0.1, now_s() - start_s)


@pytest.mark.parametrize("stream", STREAMS)
def test_reset_peer_resets_both_ends(api: Api, open_pair: OpenPair, stream: str) -> None:
    """With an RST, when bytes of a new connection's stream have arrived and the time is over."""
    # Long enough for the byte to be sent before the time is over, however late.
    api.toxic("db", "reset_peer", stream, timeout=1500)
    # The time may count from the connection's opening, a moment before the byte was sent.
    start_s = now_s()
    pair = open_pair()
    sender, _ = pair.toward(stream)
    sender.send(b"x")
    ends = (pair.client.read_end(), pair.upstream.read_end())
    assert [(seen.data, seen.end) for seen in ends] == [(b"", RESET), (b"", RESET)]
    assert within_bounds(1.5, now_s() - start_s)


@pytest.mark.parametrize("stream", STREAMS)
def test_slow_close_delays_the_end_only(api: Api, open_pair: OpenPair, stream: str) -> None:
    """Bytes pass at once; the EOF of its stream arrives late."""
    sender, receiver = open_pair().toward(stream)
    path = api.toxic("db", "slow_close", stream, delay=60_000)
    sender.send(b"bye")
    sender.close()
    assert receiver.read_exactly(3).data == b"bye"
    assert receiver.read(0.1).end == SILENT
    assert api.patch(path, {"attributes": {"delay": 150}}).status == 200
    sender, receiver = open_pair().toward(stream)
    start_s = now_s()
    sender.send(b"bye")
    sender.close()
    seen = receiver.read_end()
    assert (seen.data, seen.end) == (b"bye", EOF)
    assert within_bounds(0.15, now_s() - start_s)


def test_slow_close_does_not_affect_the_other_stream(api: Api, pair: Pair) -> None:
    """A downstream slow_close does not delay a close by the client."""
    api.toxic("db", "slow_close", "downstream", delay=60_000)
    pair.client.close()
    assert pair.upstream.read().end == EOF


@pytest.mark.parametrize("stream", STREAMS)
def test_a_removed_slow_close_closes_at_once(api: Api, pair: Pair, stream: str) -> None:
    """A delayed close is passed on at once."""
    sender, receiver = pair.toward(stream)
    path = api.toxic("db", "slow_close", stream, delay=60_000)
    sender.close()
    assert receiver.read(0.1).end == SILENT
    assert api.delete(path).status == 204
    assert receiver.read().end == EOF


@pytest.mark.parametrize("stream", STREAMS)
def test_limit_data_passes_exactly_its_bytes(api: Api, pair: Pair, stream: str) -> None:
    """Ten of thirteen bytes, then both ends get EOF."""
    api.toxic("db", "limit_data", stream, bytes=10)
    sender, receiver = pair.toward(stream)
    sender.send(b"0123456789abc")
    seen = receiver.read_end()
    assert (seen.data, seen.end) == (b"0123456789", EOF)
    assert sender.read_end().end in {EOF, RESET}  # RST if the rest was not read


@pytest.mark.parametrize("stream", STREAMS)
def test_limit_data_counts_over_chunks(api: Api, pair: Pair, stream: str) -> None:
    """Five and five are ten; the connection ends with the tenth byte, not with the eleventh."""
    sender, receiver = pair.toward(stream)
    api.toxic("db", "limit_data", stream, bytes=10)
    for part in (b"01234", b"56789"):
        sender.send(part)
        assert receiver.read_exactly(5).data == part
    assert receiver.read().end == EOF


@pytest.mark.parametrize("stream", STREAMS)
def test_a_changed_limit_continues_the_count(api: Api, pair: Pair, stream: str) -> None:
    """Bytes that passed before the change count."""
    sender, receiver = pair.toward(stream)
    path = api.toxic("db", "limit_data", stream, bytes=100)
    sender.send(b"0" * 13)
    assert len(receiver.read_exactly(13).data) == 13
    assert api.patch(path, {"attributes": {"bytes": 20}}).status == 200
    sender.send(b"1" * 13)
    seen = receiver.read_end()
    assert (seen.data, seen.end) == (b"1" * 7, EOF)


@pytest.mark.parametrize("stream", STREAMS)
def test_each_connection_has_its_own_limit(api: Api, open_pair: OpenPair, stream: str) -> None:
    """The bytes of one connection do not count for the next."""
    api.toxic("db", "limit_data", stream, bytes=3)
    for pair in (open_pair(), open_pair()):
        sender, receiver = pair.toward(stream)
        sender.send(b"abcd")
        assert receiver.read_end().data == b"abc"


@pytest.mark.parametrize("stream", STREAMS)
def test_a_limit_of_zero_ends_at_the_first_byte(api: Api, pair: Pair, stream: str) -> None:
    """An idle connection stays open."""
    sender, receiver = pair.toward(stream)
    api.toxic("db", "limit_data", stream, bytes=0)
    assert receiver.read(0.1).end == SILENT
    sender.send(b"x")
    seen = receiver.read_end()
    assert (seen.data, seen.end) == (b"", EOF)
