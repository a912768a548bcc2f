"""Toxics with a virtual clock: no byte is altered, for any chunks and pauses."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab.engine.chunks import End
from chaoslab.engine.stage import AbandonRequested, ResetRequested
from chaoslab.engine.toxics.bandwidth import Bandwidth
from chaoslab.engine.toxics.base import Settings
from chaoslab.engine.toxics.latency import Latency
from chaoslab.engine.toxics.noop import Noop
from chaoslab.engine.toxics.reset_peer import ResetPeer
from chaoslab.engine.toxics.slicer import Slicer
from chaoslab.engine.toxics.slow_close import SlowClose

from .test_toxics import EVERY, START_S, Bench

Sent = list[tuple[bytes, float]]  # each chunk, and the pause after it in seconds
SENT = st.lists(
    st.tuples(st.binary(max_size=80), st.sampled_from([0.0, 0.005, 0.01, 0.03])), max_size=12
)
LONG_S = 1000.0


def slicer(average_size: int, size_variation: int, delay: int) -> Slicer:
    return Slicer(average_size=average_size, size_variation=size_variation, delay=delay)


SLICERS = st.builds(slicer, st.integers(1, 64), st.integers(0, 1000), st.integers(0, 2000))
PASSING: st.SearchStrategy[Settings] = st.one_of(
    st.just(Noop()),
    st.builds(Latency, latency=st.integers(-5, 200), jitter=st.integers(0, 300)),
    st.builds(Bandwidth, rate=st.integers(1, 50)),
    st.builds(SlowClose, delay=st.integers(0, 200)),
    SLICERS,
)


def send(bench: Bench, sent: Sent) -> bytes:
    """Send all chunks; returns their bytes."""
    for chunk, pause_s in sent:
        bench.send(chunk)
        bench.run(bench.now_s + pause_s)
    return b"".join(chunk for chunk, _ in sent)


@pytest.mark.parametrize("settings", EVERY, ids=repr)
@examples(25)
@given(SENT)
def test_the_output_is_a_prefix_of_the_input(settings: Settings, sent: Sent) -> None:
    """No toxic alters or reorders bytes."""
    bench = Bench(settings)
    data = b"".join(chunk for chunk, _ in sent)
    try:
        send(bench, sent)
        bench.send(b"", End.EOF)
        bench.run(START_S + 5)
    except ResetRequested:
        assert isinstance(settings, ResetPeer)
    assert data.startswith(bench.bytes_out)
    # A `timeout` passes the end mark of this stream, and ends the connection later.
    assert bench.ends in ([], [End.EOF], [End.CUT], [End.EOF, End.CUT])
    after = itertools.dropwhile(lambda chunk: chunk.end is None, (chunk for _, chunk in bench.out))
    assert not any(chunk.data for chunk in after)


@pytest.mark.parametrize("settings", EVERY, ids=repr)
@examples(25)
@given(SENT)
def test_a_removed_toxic_delivers_all_bytes_or_ends_the_connection(
    settings: Settings, sent: Sent
) -> None:
    """It never delivers a part and lets the stream go on. A connection left dead has ended too."""
    bench = Bench(settings)
    try:
        data = send(bench, sent)
        bench.stage.leave(bench.now_s, bench.emit)
    except (ResetRequested, AbandonRequested):
        return
    assert bench.bytes_out == data or End.CUT in bench.ends
    assert bench.stage.held == 0


@examples(100)
@given(st.lists(PASSING, min_size=1, max_size=4), SENT)
def test_all_bytes_and_then_the_end_pass_several_toxics(row: list[Settings], sent: Sent) -> None:
    """In order, however each toxic cuts the chunks."""
    given = [*sent, (b"", 0.0)]
    for settings in row:
        bench = Bench(settings)
        send(bench, given[:-1])
        bench.send(given[-1][0], End.EOF)
        bench.run(START_S + LONG_S)
        assert bench.ends == [End.EOF]
        assert bench.out[-1][1].end is End.EOF
        assert bench.stage.held == 0
        times = [*(at_s for at_s, _ in bench.out), START_S + LONG_S]
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        given = [
            (chunk.data, pause_s) for (_, chunk), pause_s in zip(bench.out, pauses, strict=True)
        ]
    assert b"".join(chunk for chunk, _ in given) == b"".join(chunk for chunk, _ in sent)


@examples(60)
@given(SLICERS, st.binary(min_size=1, max_size=500))
@example(slicer(10, 0, 500), bytes(500))
@example(slicer(1, 0, 500), bytes(500))
@example(slicer(3, 3, 500), bytes(500))
@example(slicer(64, 1000, 500), bytes(500))
def test_slices_are_small_and_spaced_and_complete(settings: Slicer, sent: bytes) -> None:
    """No slice is larger than average + variation, and there is a delay between any two."""
    bench = Bench(settings)
    bench.send(sent)
    bench.run(START_S + LONG_S)
    assert bench.bytes_out == sent
    sizes = [len(chunk.data) for _, chunk in bench.out]
    assert min(sizes) >= 1
    assert max(sizes) <= settings.average_size + settings.size_variation
    times = [at_s for at_s, _ in bench.out]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap == pytest.approx(settings.delay / 1e6, abs=1e-9) for gap in gaps)
