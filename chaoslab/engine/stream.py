"""One direction of one connection: from a source socket through toxics into a sink socket.

Without toxics bytes take the shortest way: one shared buffer in, out again at once, and bulk by
`splice` without ever being seen. With toxics they become chunks that carry their arrival times.
Changing between the two, or between sets of toxics, loses, alters and reorders nothing.
"""

from __future__ import annotations

from typing import Protocol

from chaoslab.clock import now_s
from chaoslab.engine.bulk import BULK_READ, Bulk
from chaoslab.engine.chain import Toxic
from chaoslab.engine.chunks import Chunk, Direction, End
from chaoslab.engine.line import Line
from chaoslab.engine.outlet import Outlet
from chaoslab.engine.side import Side
from chaoslab.engine.stage import ResetAsked, Stage
from chaoslab.engine.timers import Timer, Timers

# All that waits on one stream; beyond it the sender feels TCP's own back-pressure.
HOLD_LIMIT = 32 * 1024 * 1024
CHUNK_READ = 64 * 1024

_buffer = bytearray(BULK_READ)
_view = memoryview(_buffer)


class Owner(Protocol):
    """What a stream needs of its connection."""

    timers: Timers
    over: bool

    def stage(self, toxic: Toxic, direction: Direction) -> Stage:
        """A fresh stage for a toxic that this connection meets now."""
        ...

    def heard(self, direction: Direction, data: bytes | memoryview) -> None:
        """The source of that direction has sent these bytes; empty where they were not seen."""
        ...

    def noticed_end(self, direction: Direction, how: End) -> None:
        """The source of that direction has ended."""
        ...

    def broke(self, stream: Stream) -> None:
        """The sink of the stream takes no bytes any more."""
        ...

    def ended(self, stream: Stream, how: End) -> None:
        """The stream has delivered everything up to its end mark."""
        ...

    def reset(self, end: str) -> None:
        """Reset both sides."""
        ...


class Stream:
    """Reads from `source`, writes into `sink`, and keeps what may not be written yet.

    `received` counts the bytes read from the source, `outlet.delivered` those the sink took.
    """

    __slots__ = (
        "_bulk",
        "_connection",
        "_full_reads",
        "_line",
        "_timer",
        "_timers",
        "direction",
        "end",
        "finished",
        "outlet",
        "received",
        "sink",
        "source",
        "source_over",
        "wants_read",
        "wants_write",
    )

    def __init__(self, connection: Owner, direction: Direction, source: Side, sink: Side) -> None:
        self._connection = connection
        self._timers = connection.timers
        self.direction = direction
        self.source = source
        self.sink = sink
        self._line = Line()
        self.outlet = Outlet(sink.sock)
        self._bulk: Bulk | None = None
        self._full_reads = 0
        self._timer: Timer | None = None
        self.received = 0
        self.end: End | None = None
        self.finished = False
        self.source_over = False
        self.wants_read = True
        self.wants_write = False
        source.outgoing = self
        sink.incoming = self

    @property
    def held(self) -> int:
        """Bytes inside the engine: waiting in toxics, or for the sink to take them."""
        return self._unsent + self._line.held

    @property
    def _unsent(self) -> int:
        return self.outlet.waiting + (self._bulk.size if self._bulk is not None else 0)

    # --- bytes come in ---

    def fill(self, _events: int) -> None:
        """The source is readable (or in trouble): take what is there, once."""
        if self._line.stages:
            self._fill_stages()
        elif self._bulk is not None:
            self._fill_bulk(self._bulk)
        else:
            self._relay()

    def _relay(self) -> None:
        try:
            size = self.source.sock.recv_into(_buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.source_ended(End.RESET)
            return
        if not size:
            self.source_ended(End.EOF)
            return
        self.received += size
        self._connection.heard(self.direction, _view[:size])
        try:
            self.outlet.send(_view[:size])
        except OSError:
            self._sink_broke()
            return
        if self.outlet.waiting:
            self._settle()
        if size == BULK_READ:
            self._full_reads += 1
            self._bulk = Bulk.start(self._full_reads)

    def _fill_bulk(self, bulk: Bulk) -> None:
        try:
            size = bulk.fill(self.source.sock)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._leave_bulk(bulk)
            if not Bulk.given_up(error):
                self.source_ended(End.RESET)
            return
        if not size:
            self._leave_bulk(bulk)
            self.source_ended(End.EOF)
            return
        self.received += size
        self._connection.heard(self.direction, b"")
        self._drain_bulk(bulk)

    def _drain_bulk(self, bulk: Bulk) -> None:
        try:
            self.outlet.delivered += bulk.drain(self.sink.sock)
        except OSError:
            self._sink_broke()
            return
        if bulk.size == 0 and bulk.idle:
            self._leave_bulk(bulk)
        self._settle()

    def _leave_bulk(self, bulk: Bulk) -> None:
        """Back to the buffer; what is still in the pipe goes out before anything else."""
        rest = bulk.stop()
        self._bulk = None
        self._full_reads = 0
        if rest:
            self.outlet.keep(rest)

    def _fill_stages(self) -> None:
        try:
            data = self.source.sock.recv(CHUNK_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.source_ended(End.RESET)
            return
        if not data:
            self.source_ended(End.EOF)
            return
        self.received += len(data)
        self._connection.heard(self.direction, data)
        self._line.stages[0].accept(Chunk(data, now_s()))
        self.pump()

    def source_ended(self, how: End) -> None:
        """No more bytes will come; the mark queues behind those that are here."""
        if self.source_over:
            return
        self.source_over = True
        self._connection.noticed_end(self.direction, how)
        mark = Chunk(b"", now_s(), how)
        if self._line.stages:
            self._line.stages[0].accept(mark)
            self.pump()
        else:
            self.emit(mark)
            self._settle()

    # --- bytes go through the toxics ---

    def pump(self) -> None:
        """Let every toxic decide about what waits before it, then wait for what comes next."""
        if self._connection.over:
            return
        try:
            self._line.pump(now_s(), self)
        except ResetAsked:
            self._connection.reset("reset_by_fault")
            return
        self._settle()

    def arrange(self, toxics: list[Toxic]) -> None:
        """Put exactly these toxics on the stream, with everything in flight in its order.

        Raises nothing: a toxic that ends the connection ends it.
        """
        if self._bulk is not None and toxics:
            self._leave_bulk(self._bulk)
        try:
            self._line.arrange(toxics, now_s(), self)
        except ResetAsked:
            self._connection.reset("reset_by_fault")
            return
        self.pump()

    def stage(self, toxic: Toxic) -> Stage:
        """A fresh stage for a toxic that this connection meets now."""
        return self._connection.stage(toxic, self.direction)

    def take_back(self) -> list[Chunk]:
        """Unsent bytes, and the end behind them, return to a toxic."""
        now = now_s()
        waiting = [Chunk(data, now) for data in self.outlet.take_back()]
        if self.end is not None:
            waiting.append(Chunk(b"", now, self.end))
            self.end = None
        return waiting

    # --- bytes go out ---

    def emit(self, chunk: Chunk) -> None:
        """What has passed all toxics; nothing comes after the end."""
        if self.end is not None:
            return
        if chunk.end is not None:
            self.end = chunk.end
            return
        try:
            self.outlet.send(chunk.data)
        except OSError:
            self._sink_broke()

    def flush(self) -> None:
        """The sink is writable again (or in trouble)."""
        if self._bulk is not None and not self.outlet.waiting:
            self._drain_bulk(self._bulk)
            return
        try:
            self.outlet.flush()
        except OSError:
            self._sink_broke()
            return
        self._settle()

    def _sink_broke(self) -> None:
        """The sink cannot take bytes any more: its peer has reset the connection."""
        self._drop_bulk()
        self.outlet.give_up()
        self._connection.broke(self)

    def _settle(self) -> None:
        """After any change: pass the end on if it is its turn, and wait for the right things."""
        if self._connection.over:
            return
        pending = self._unsent > 0
        if self.end is not None and not pending and not self.finished:
            self._connection.ended(self, self.end)
            if self._connection.over:
                return
        self.wants_write = pending
        if self._line.stages:
            room = self.outlet.waiting + self._line.cost < HOLD_LIMIT
        else:
            room = not pending
        self.wants_read = room and not self.source_over
        self.source.update()
        self.sink.update()
        self._timer = self._timers.move(self._timer, self._line.wake_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.pump()

    def stop(self) -> None:
        """The connection is over: let go of the timer and the pipe."""
        self._timer = self._timers.move(self._timer, None, self._wake)
        self._drop_bulk()
        self._line.stop()

    def _drop_bulk(self) -> None:
        if self._bulk is not None:
            self._bulk.stop()
            self._bulk = None
