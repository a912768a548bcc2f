"""One direction of one connection: from a source socket through toxics into a sink socket.

Without toxics, bytes are read into one shared buffer and sent at once; bulk data is moved by
`splice` and is never read. With toxics, or if the connection's messages are read, bytes become
chunks with their arrival times. When toxics are added, changed or removed, no byte is lost, altered
or reordered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from chaoslab.clock import now_s
from chaoslab.engine.chunks import Chunk, Direction, End
from chaoslab.engine.messages.reader import Reader
from chaoslab.engine.peer_socket import PeerSocket
from chaoslab.engine.pipeline import Pipeline
from chaoslab.engine.send_queue import SendQueue
from chaoslab.engine.splice_pipe import FULL_READ, SplicePipe
from chaoslab.engine.stage import AbandonRequested, ResetRequested, Stage
from chaoslab.engine.timers import Timer, Timers
from chaoslab.engine.toxic_collection import Toxic

# Bytes that one stream holds at most. Above it we stop reading, and TCP slows the sender.
HOLD_LIMIT = 32 * 1024 * 1024
CHUNK_READ = 64 * 1024

_buffer = bytearray(FULL_READ)
_view = memoryview(_buffer)


class Owner(Protocol):
    """The attributes and methods of a connection that its streams use."""

    timers: Timers
    over: bool

    def stage(self, toxic: Toxic, direction: Direction) -> Stage:
        """A new stage for `toxic` on the stream of `direction`; the toxic applies from now on."""
        ...

    def note_bytes(self, direction: Direction, data: bytes | memoryview) -> None:
        """Record that the source of `direction` has sent bytes; `data` is empty if they were not
        read.
        """
        ...

    def note_end(self, direction: Direction, how: End) -> None:
        """Record that the source of `direction` has ended; `how` says in which way."""
        ...

    def sink_failed(self, stream: Stream) -> None:
        """Handle a failed write to the stream's sink."""
        ...

    def ended(self, stream: Stream, how: End) -> None:
        """Handle a stream that has delivered all bytes before its end mark."""
        ...

    def reset(self, end: str) -> None:
        """Reset both sides of the connection; `end` is how the connection ended, for the log."""
        ...

    def leave_dead(self) -> None:
        """Leave both sides of the connection open, and pass nothing any more."""
        ...


class Stream:
    """Reads from `source`, writes to `sink`, and holds bytes that may not be written yet.

    `received` counts bytes read from the source, `send_queue.delivered` bytes sent to the sink.
    `reader` divides the bytes where messages begin; None if messages are not read.
    """

    __slots__ = (
        "_connection",
        "_full_reads",
        "_pipeline",
        "_reader",
        "_splice",
        "_timer",
        "_timers",
        "direction",
        "end",
        "finished",
        "received",
        "send_queue",
        "sink",
        "source",
        "source_over",
        "wants_read",
        "wants_write",
    )

    def __init__(
        self,
        connection: Owner,
        direction: Direction,
        source: PeerSocket,
        sink: PeerSocket,
        reader: Reader | None = None,
    ) -> None:
        self._connection = connection
        self._timers = connection.timers
        self.direction = direction
        self.source = source
        self.sink = sink
        self._reader = reader
        self._pipeline = Pipeline()
        self.send_queue = SendQueue(sink.sock)
        self._splice: SplicePipe | None = None
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
        """The number of bytes inside the engine: held by toxics, the beginning of a message, or
        waiting until the sink is writable.
        """
        begun = self._reader.held if self._reader is not None else 0
        return self._unsent + self._pipeline.held + begun

    @property
    def _unsent(self) -> int:
        return self.send_queue.waiting + (self._splice.size if self._splice is not None else 0)

    # --- bytes come in ---

    def fill(self, _events: int) -> None:
        """Read once from the source, which is readable or has an error."""
        if self._pipeline.stages or self._reader is not None:
            self._fill_chunks()
        elif self._splice is not None:
            self._fill_splice(self._splice)
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
        self._connection.note_bytes(self.direction, _view[:size])
        try:
            self.send_queue.send(_view[:size])
        except OSError:
            self._sink_failed()
            return
        if self.send_queue.waiting:
            self._settle()
        if size == FULL_READ:
            self._full_reads += 1
            self._splice = SplicePipe.start(self._full_reads)

    def _fill_splice(self, bulk: SplicePipe) -> None:
        try:
            size = bulk.fill(self.source.sock)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._leave_splice(bulk)
            if not SplicePipe.unsupported_by_kernel(error):
                self.source_ended(End.RESET)
            return
        if not size:
            self._leave_splice(bulk)
            self.source_ended(End.EOF)
            return
        self.received += size
        self._connection.note_bytes(self.direction, b"")
        self._drain_splice(bulk)

    def _drain_splice(self, bulk: SplicePipe) -> None:
        try:
            self.send_queue.delivered += bulk.drain(self.sink.sock)
        except OSError:
            self._sink_failed()
            return
        if bulk.size == 0 and bulk.idle:
            self._leave_splice(bulk)
        self._settle()

    def _leave_splice(self, bulk: SplicePipe) -> None:
        """Stop using the pipe, and use the buffer again. The bytes in the pipe are sent first."""
        rest = bulk.stop()
        self._splice = None
        self._full_reads = 0
        if rest:
            self.send_queue.keep(rest)

    def _fill_chunks(self) -> None:
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
        self._connection.note_bytes(self.direction, data)
        now = now_s()
        if self._reader is None:
            self._enter([Chunk(data, now)])
        else:
            pieces = self._reader.read(data)
            self._enter(Chunk(piece.data, now, message=piece.message) for piece in pieces)

    def _enter(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            if self._pipeline.stages:
                self._pipeline.stages[0].accept(chunk)
            else:
                self.emit(chunk)
        self.pump()

    def source_ended(self, how: End) -> None:
        """Handle the end of the source: queue an end mark behind the waiting bytes."""
        if self.source_over:
            return
        self.source_over = True
        self._connection.note_end(self.direction, how)
        now = now_s()
        rest = self._reader.rest() if self._reader is not None else b""
        begun = [Chunk(rest, now)] if rest else []
        self._enter([*begun, Chunk(b"", now, how)])

    # --- bytes go through the toxics ---

    def pump(self) -> None:
        """Let each toxic decide about its waiting bytes, then choose the events to wait for."""
        if self._connection.over:
            return
        try:
            self._pipeline.pump(now_s(), self)
        except ResetRequested:
            self._connection.reset("reset_by_fault")
            return
        self._settle()

    def apply_toxics(self, toxics: list[Toxic]) -> None:
        """Put exactly the toxics `toxics` in force; bytes keep their order.

        A toxic may end the connection meanwhile.
        """
        if self._splice is not None and toxics:
            self._leave_splice(self._splice)
        try:
            self._pipeline.apply_toxics(toxics, now_s(), self)
        except ResetRequested:
            self._connection.reset("reset_by_fault")
            return
        except AbandonRequested:
            self._connection.leave_dead()
            return
        self.pump()

    def stage(self, toxic: Toxic) -> Stage:
        """A new stage for `toxic`, which applies to this stream from now on."""
        return self._connection.stage(toxic, self.direction)

    def take_back(self) -> list[Chunk]:
        """Remove and return unsent bytes and the end mark behind them, for a new toxic."""
        now = now_s()
        waiting = [Chunk(data, now) for data in self.send_queue.take_back()]
        if self.end is not None:
            waiting.append(Chunk(b"", now, self.end))
            self.end = None
        return waiting

    # --- bytes go out ---

    def emit(self, chunk: Chunk) -> None:
        """Send a chunk that has passed all toxics; after the end mark, chunks are discarded."""
        if self.end is not None:
            return
        if chunk.end is not None:
            self.end = chunk.end
            return
        try:
            self.send_queue.send(chunk.data)
        except OSError:
            self._sink_failed()

    def flush(self) -> None:
        """Send waiting bytes: the sink is writable again or has an error."""
        if self._splice is not None and not self.send_queue.waiting:
            self._drain_splice(self._splice)
            return
        try:
            self.send_queue.flush()
        except OSError:
            self._sink_failed()
            return
        self._settle()

    def _sink_failed(self) -> None:
        """Handle a failed write to the sink: its peer has reset the connection."""
        self._drop_splice()
        self.send_queue.give_up()
        self._connection.sink_failed(self)

    def _settle(self) -> None:
        """Called after each change: pass the end on if all bytes are sent, and choose the events
        and the timer to wait for.
        """
        if self._connection.over:
            return
        pending = self._unsent > 0
        if self.end is not None and not pending and not self.finished:
            self._connection.ended(self, self.end)
            if self._connection.over:
                return
        self.wants_write = pending
        if self._pipeline.stages:
            room = self.send_queue.waiting + self._pipeline.cost < HOLD_LIMIT
        else:
            room = not pending
        self.wants_read = room and not self.source_over
        self.source.update()
        self.sink.update()
        self._timer = self._timers.reschedule(self._timer, self._pipeline.wake_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.pump()

    def stop(self) -> None:
        """Release the timer and the pipe, because the connection is over."""
        self._timer = self._timers.reschedule(self._timer, None, self._wake)
        self._drop_splice()
        self._pipeline.stop()

    def _drop_splice(self) -> None:
        if self._splice is not None:
            self._splice.stop()
            self._splice = None
