"""Toxics with a virtual clock: one contract for all of them, then the behaviour of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from chaoslab import seeds
from chaoslab.engine.chunks import Chunk, Direction, End
from chaoslab.engine.connection_log import AppliedFault, SeenMessage
from chaoslab.engine.messages.base import Message
from chaoslab.engine.stage import ResetRequested, Stage
from chaoslab.engine.toxic_collection import Toxic
from chaoslab.engine.toxics import TOXICS
from chaoslab.engine.toxics.at_message import AtMessage
from chaoslab.engine.toxics.bandwidth import Bandwidth
from chaoslab.engine.toxics.base import CLOSE, PASS, Settings, ToxicContext
from chaoslab.engine.toxics.latency import Latency
from chaoslab.engine.toxics.limit_data import LimitData
from chaoslab.engine.toxics.noop import Noop
from chaoslab.engine.toxics.reset_peer import ResetPeer
from chaoslab.engine.toxics.silence import Silence
from chaoslab.engine.toxics.slicer import Slicer
from chaoslab.engine.toxics.slow_close import SlowClose
from chaoslab.engine.toxics.timeout import Timeout

START_S = 1000.0

EVERY: list[Settings] = [
    Noop(),
    Latency(latency=50, jitter=20),
    Bandwidth(rate=3),
    Bandwidth(rate=0),
    SlowClose(delay=40),
    Slicer(average_size=7, size_variation=3, delay=500),
    LimitData(bytes=40),
    Timeout(timeout=80),
    Timeout(timeout=0),
    ResetPeer(timeout=80),
    Silence(),
    Silence(at_heal="reset"),
    Silence(at_heal="dead"),
    AtMessage(message="COMMIT"),
]


@dataclass
class Bench:
    """One stage with its own clock; `out` has what left it, and when."""

    settings: Settings
    now_s: float = START_S
    out: list[tuple[float, Chunk]] = field(default_factory=list)
    applied: list[AppliedFault] = field(default_factory=list)
    seen: list[SeenMessage] = field(default_factory=list)

    def __post_init__(self) -> None:
        toxic = Toxic(
            name="toxic",
            type="type",
            stream="downstream",
            direction=Direction.DOWNSTREAM,
            toxicity=1.0,
            settings=self.settings,
        )
        context = ToxicContext(START_S, lambda: seeds.generator(1, "toxic"), self.saw)
        self.stage = Stage(toxic, Direction.DOWNSTREAM, context, self.applied.append)

    def saw(self, word: str) -> SeenMessage:
        number = len(self.seen) + 1
        self.seen.append(SeenMessage("toxic", Direction.DOWNSTREAM, word, self.now_s, number))
        return self.seen[-1]

    def emit(self, chunk: Chunk) -> None:
        self.out.append((self.now_s, chunk))

    def send(self, data: bytes, end: End | None = None, message: Message | None = None) -> None:
        """A chunk arrives now."""
        self.stage.accept(Chunk(data, self.now_s, end, message))
        self.stage.pump(self.now_s, self.emit)

    def run(self, until_s: float) -> None:
        """Let time pass; pump the stage exactly when it asks for it."""
        for _ in range(10_000):
            self.stage.pump(self.now_s, self.emit)
            wake_s = self.stage.wake_s
            if wake_s is None or wake_s > until_s:
                self.now_s = until_s
                return
            assert wake_s > self.now_s, "asks to be woken in the past: it would spin"
            self.now_s = wake_s
        raise AssertionError("never came to rest")

    @property
    def bytes_out(self) -> bytes:
        return b"".join(chunk.data for _, chunk in self.out)

    @property
    def ends(self) -> list[End]:
        return [chunk.end for _, chunk in self.out if chunk.end is not None]


# --- the contract of every toxic ---


@pytest.mark.parametrize("settings", EVERY, ids=repr)
def test_held_and_cost_of_a_stage_agree_with_its_queue(settings: Settings) -> None:
    """At every step; the cost also limits tiny chunks."""
    bench = Bench(settings)
    for _ in range(20):
        try:
            bench.send(b"abc")
            bench.run(bench.now_s + 0.01)
        except ResetRequested:
            return
        queued = [len(chunk.data) for chunk in bench.stage.queue]
        assert bench.stage.held == sum(queued)
        assert bench.stage.cost >= 100 * len(queued)


def test_the_table_names_every_toxic_once() -> None:
    """Each type has settings with defaults, and `decide`."""
    assert len(set(TOXICS.values())) == len(TOXICS) == 10
    for settings in TOXICS.values():
        assert settings().at_removal in (PASS, CLOSE)


# --- latency ---


def test_latency_is_exact_and_counts_from_arrival() -> None:
    """A chunk leaves exactly 100 ms after its arrival; that is its arrival at the next toxic."""
    bench = Bench(Latency(latency=100))
    bench.send(b"a")
    bench.run(START_S + 1)
    ((left_s, chunk),) = bench.out
    assert left_s == pytest.approx(START_S + 0.1, abs=1e-9)
    assert chunk.arrived_s == left_s


def test_a_queued_chunk_is_not_delayed_twice() -> None:
    """Two chunks that arrive together leave together."""
    bench = Bench(Latency(latency=100))
    bench.send(b"a")
    bench.send(b"b")
    bench.run(START_S + 1)
    assert [left_s for left_s, _ in bench.out] == pytest.approx([START_S + 0.1] * 2, abs=1e-9)


def test_jitter_is_uniform_keeps_the_order_and_stays_in_its_bounds() -> None:
    """The delays of single chunks are evenly spread over latency ± jitter."""
    delays = []
    bench = Bench(Latency(latency=100, jitter=40))
    for number in range(2000):
        arrived_s = bench.now_s
        bench.send(number.to_bytes(2, "big"))
        bench.run(bench.now_s + 1)
        delays.append(bench.out[-1][0] - arrived_s)
    assert 0.06 <= min(delays) < 0.062
    assert 0.138 < max(delays) <= 0.14
    # The mean of 2,000 uniform draws over 80 ms has a standard error of 0.5 ms.
    assert sum(delays) / len(delays) == pytest.approx(0.1, abs=0.0025)
    thirds = [sum(low <= d < low + 0.0267 for d in delays) for low in (0.06, 0.0867, 0.1134)]
    assert all(550 < third < 790 for third in thirds)
    assert bench.bytes_out == b"".join(n.to_bytes(2, "big") for n in range(2000))


def test_jitter_never_reorders() -> None:
    """A chunk with a shorter delay waits for the one before it."""
    bench = Bench(Latency(latency=50, jitter=50))
    for number in range(200):
        bench.send(bytes([number]))
        bench.run(bench.now_s + 0.001)
    bench.run(bench.now_s + 1)
    assert bench.bytes_out == bytes(range(200))


def test_a_changed_latency_applies_to_the_waiting_chunk() -> None:
    """If it is shortened, the chunk gets the new delay, counted from its own arrival."""
    bench = Bench(Latency(latency=10_000))
    bench.send(b"a")
    bench.run(START_S + 0.2)
    assert bench.out == []
    bench.stage.toxic = Toxic(
        name="toxic",
        type="latency",
        stream="downstream",
        direction=Direction.DOWNSTREAM,
        toxicity=1.0,
        settings=Latency(latency=300),
    )
    bench.run(START_S + 1)
    assert bench.out[0][0] == pytest.approx(START_S + 0.3, abs=1e-9)


# --- bandwidth ---


@pytest.mark.parametrize("rate", [1, 10, 1000])
def test_bandwidth_carries_its_rate_exactly(rate: int) -> None:
    """`rate` KB take one second, in slices of at most 100 ms, however they arrive."""
    bench = Bench(Bandwidth(rate=rate))
    for _ in range(10):
        bench.send(bytes(rate * 100))
    bench.run(START_S + 10)
    assert len(bench.bytes_out) == rate * 1000
    assert bench.out[-1][0] == pytest.approx(START_S + 1.0, abs=1e-6)
    assert max(len(chunk.data) for _, chunk in bench.out) <= rate * 100


def test_an_idle_line_is_not_faster_afterwards() -> None:
    """After a pause the rate is the same."""
    bench = Bench(Bandwidth(rate=1))
    bench.run(START_S + 60)
    bench.send(bytes(1000))
    bench.run(START_S + 100)
    assert bench.out[-1][0] == pytest.approx(START_S + 61, abs=1e-6)


def test_a_raised_rate_does_not_pass_held_bytes_at_once() -> None:
    """Rate 0 holds; raised to 1 KB/s after 5 s, the held kilobyte takes one second."""
    bench = Bench(Bandwidth(rate=0))
    bench.send(bytes(1000))
    bench.run(START_S + 5)
    bench.stage.pump(bench.now_s, bench.emit)
    assert bench.out == []
    bench.stage.toxic = Bench(Bandwidth(rate=1)).stage.toxic
    bench.run(START_S + 60)
    assert bench.out[-1][0] == pytest.approx(START_S + 6, abs=1e-6)


# --- the others ---


def test_slow_close_delays_only_the_end() -> None:
    """The end leaves 40 ms after its arrival."""
    bench = Bench(SlowClose(delay=40))
    bench.send(b"abc")
    bench.send(b"", End.EOF)
    bench.run(START_S + 1)
    assert [at for at, _ in bench.out] == pytest.approx([START_S, START_S + 0.04], abs=1e-9)


def test_traffic_does_not_restart_timeout_and_reset_peer() -> None:
    """With traffic every 10 ms, the connection ends 80 ms after the toxic first applied."""
    closing = Bench(Timeout(timeout=80))
    for _ in range(20):
        closing.send(b"x")
        closing.run(closing.now_s + 0.01)
    assert [(at, c.end) for at, c in closing.out] == [
        (pytest.approx(START_S + 0.08, abs=1e-9), End.CUT)
    ]
    resetting = Bench(ResetPeer(timeout=80))

    def drive() -> None:
        for _ in range(20):
            resetting.send(b"x")
            resetting.run(resetting.now_s + 0.01)

    with pytest.raises(ResetRequested):
        drive()
    assert resetting.now_s == pytest.approx(START_S + 0.08, abs=1e-9)
    assert resetting.out == []


def test_an_average_of_zero_slices_nothing() -> None:
    """Toxiproxy's default settings would recurse without end; here the chunk passes unchanged."""
    bench = Bench(Slicer())
    bench.send(b"whole")
    assert [chunk.data for _, chunk in bench.out] == [b"whole"]


@pytest.mark.parametrize("limit", [1, 10, 25])
def test_limit_data_passes_its_limit_and_ends(limit: int) -> None:
    """Exactly `bytes` bytes, then at once the end."""
    bench = Bench(LimitData(bytes=limit))
    for _ in range(6):
        bench.send(b"0123456789")
    assert bench.bytes_out == (b"0123456789" * 6)[:limit]
    assert bench.ends == [End.CUT]


def test_limit_data_of_zero_ends_at_the_first_byte() -> None:
    """An idle connection is not affected."""
    bench = Bench(LimitData(bytes=0))
    bench.run(START_S + 1)
    assert bench.out == []
    bench.send(b"x")
    assert (bench.bytes_out, bench.ends) == (b"", [End.CUT])


# --- what the log says ---


def test_a_toxic_for_passing_bytes_applies_when_bytes_have_passed() -> None:
    """Latency does not apply to an idle connection, nor to a byte that still waits."""
    bench = Bench(Latency(latency=100))
    bench.send(b"abcd")
    assert bench.applied == []
    bench.run(START_S + 1)
    assert [each.bytes for each in bench.applied] == [4]


def test_a_toxic_for_idle_connections_applies_at_once() -> None:
    """Silence applies with 0 bytes first, then counts the bytes that it holds."""
    bench = Bench(Silence())
    assert [each.bytes for each in bench.applied] == [0]
    bench.send(b"abcd")
    assert [each.bytes for each in bench.applied] == [4]


# --- at_message ---

COMMIT, INSERT = Message(("COMMIT",)), Message(("INSERT INTO t",))


def said(bench: Bench, *data: tuple[bytes, Message | None]) -> None:
    """Chunks that begin with messages arrive now."""
    for each, message in data:
        bench.send(each, message=message)


def test_a_cut_at_a_message_delivers_all_bytes_before_it() -> None:
    """And no byte of the message; the toxic affected no bytes that passed."""
    bench = Bench(AtMessage(message="COMMIT"))
    said(bench, (b"a", None), (b"INSERT", INSERT), (b"b", None), (b"COMMIT", COMMIT), (b"c", None))
    assert bench.bytes_out == b"aINSERTb"
    assert bench.ends == [End.CUT]
    assert [(seen.word, seen.acted) for seen in bench.seen] == [("COMMIT", True)]
    assert bench.applied == []


def test_a_message_is_held_with_all_bytes_after_it_until_the_heal() -> None:
    """Then all of them are delivered, in order."""
    bench = Bench(AtMessage(message="COMMIT", do="hold"))
    said(bench, (b"a", None), (b"COMMIT", COMMIT), (b"b", None))
    bench.send(b"", End.EOF)
    bench.run(START_S + 100)
    assert bench.bytes_out == b"a"
    assert bench.stage.held == len(b"COMMITb")
    bench.stage.leave(bench.now_s, bench.emit)
    assert bench.bytes_out == b"aCOMMITb"
    assert bench.ends == [End.EOF]


def test_a_message_is_delayed_with_the_bytes_after_it() -> None:
    """By exactly 300 ms from its arrival; bytes that arrive meanwhile wait behind it."""
    bench = Bench(AtMessage(message="COMMIT", do="delay", delay=300))
    said(bench, (b"a", None), (b"COMMIT", COMMIT), (b"b", None))
    bench.run(START_S + 1)
    assert [(left_s, chunk.data) for left_s, chunk in bench.out] == [
        (START_S, b"a"),
        (pytest.approx(START_S + 0.3, abs=1e-9), b"COMMIT"),
        (pytest.approx(START_S + 0.3, abs=1e-9), b"b"),
    ]
    (effect,) = bench.applied
    assert effect.bytes == len(b"COMMIT")


def test_only_the_nth_message_is_affected() -> None:
    """The others are seen, and counted."""
    bench = Bench(AtMessage(message="*", nth=2))
    said(bench, (b"1", INSERT), (b"2", COMMIT), (b"3", Message(("SELECT 1",))))
    assert bench.bytes_out == b"1"
    assert [(s.word, s.number, s.acted) for s in bench.seen] == [
        ("INSERT", 1, False),
        ("COMMIT", 2, True),
    ]


def test_a_message_that_another_toxic_divides_is_seen_once() -> None:
    """Only its first part begins a message."""
    bench = Bench(Slicer(average_size=2, size_variation=0))
    bench.send(b"COMMIT", message=COMMIT)
    bench.run(START_S + 1)
    first, *others = [chunk.message for _, chunk in bench.out]
    assert first is COMMIT
    assert others
    assert not any(others)


@pytest.mark.parametrize("wrong", [{"message": " "}, {"do": "drop"}, {"nth": -1}, {"delay": -1}])
def test_settings_of_at_message_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    """With the name of the toxic and what was expected."""
    with pytest.raises(ValueError, match="at_message: "):
        AtMessage(**wrong)
