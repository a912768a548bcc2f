"""One direction of one connection: from a source socket through toxics into a sink socket.

Without toxics bytes take the shortest way: one shared buffer in, out again at once, and bulk by
`splice` without ever being seen. With toxics they become chunks that carry their arrival times.
Changing between the two, or between sets of toxics, loses, alters and reorders nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from chaoslab.clock import now_s
from chaoslab.engine.bulk import BULK_READ, Bulk
from chaoslab.engine.chain import Toxic
from chaoslab.engine.chunks import Chunk, Direction, End
from chaoslab.engine.outlet import Outlet
from chaoslab.engine.side import Side
from chaoslab.engine.stage import ResetAsked, Stage

if TYPE_CHECKING:
    from chaoslab.engine.connection import Connection

# All that waits on one stream; beyond it the sender feels TCP's own back-pressure.
HOLD_LIMIT = 32 * 1024 * 1024
CHUNK_READ = 64 * 1024

_buffer = bytearray(BULK_READ)
_view = memoryview(_buffer)


class Stream:
    """Reads from `source`, writes into `sink`, and keeps what may not be written yet.

    `received` counts the bytes read from the source, `outlet.delivered` those the sink took.
    """

    __slots__ = (
        "_bulk",
        "_connection",
        "_full_reads",
        "_loop",
        "_timer",
        "direction",
        "end",
        "finished",
        "outlet",
        "received",
        "sink",
        "source",
        "source_over",
        "stages",
        "wants_read",
        "wants_write",
    )

    def __init__(
        self, connection: Connection, direction: Direction, source: Side, sink: Side
    ) -> None:
        self._connection = connection
        self._loop = connection.loop
        self.direction = direction
        self.source = source
        self.sink = sink
        self.stages: tuple[Stage, ...] = ()
        self.outlet = Outlet(sink.sock)
        self._bulk: Bulk | None = None
        self._full_reads = 0
        self._timer: asyncio.TimerHandle | None = None
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
        return self._unsent + sum(stage.held for stage in self.stages)

    @property
    def _unsent(self) -> int:
        return self.outlet.waiting + (self._bulk.size if self._bulk is not None else 0)

    # --- bytes come in ---

    def fill(self) -> None:
        """The source is readable (or in trouble): take what is there, once."""
        if self.stages:
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
        self.stages[0].accept(Chunk(data, now_s()))
        self.pump()

    def source_ended(self, how: End) -> None:
        """No more bytes will come; the mark queues behind those that are here."""
        if self.source_over:
            return
        self.source_over = True
        self._connection.noticed_end(self.direction, how)
        mark = Chunk(b"", now_s(), how)
        if self.stages:
            self.stages[0].accept(mark)
            self.pump()
        else:
            self._emit(mark)
            self._settle()

    # --- bytes go through the toxics ---

    def pump(self) -> None:
        """Let every toxic decide about what waits before it, then wait for what comes next."""
        if self._connection.over:
            return
        now = now_s()
        try:
            for index, stage in enumerate(self.stages):
                stage.pump(now, self._emit_after(index))
                if self._connection.over:
                    return
        except ResetAsked:
            self._connection.reset("reset_by_fault")
            return
        self._settle()

    def _emit_after(self, index: int) -> Callable[[Chunk], None]:
        return self.stages[index + 1].accept if index + 1 < len(self.stages) else self._emit

    def arrange(self, toxics: list[Toxic]) -> None:
        """Put exactly these toxics on the stream, with everything in flight in its order.

        What waited in a removed toxic goes to the next one; a toxic at the end of the chain takes
        over what waits for the sink. Raises nothing: a toxic that ends the connection ends it.
        """
        if self._bulk is not None and toxics:
            self._leave_bulk(self._bulk)
        old = self.stages
        standing = {stage.toxic.name: stage for stage in old}
        self.stages = tuple(
            self._updated(standing.pop(toxic.name), toxic)
            if toxic.name in standing
            else self._connection.stage(toxic, self.direction)
            for toxic in toxics
        )
        fresh = self._fresh_tail(old)
        if fresh:
            self._move_out_to(fresh[-1])
        after = [stage.accept for stage in old[1:]]
        after.append(fresh[0].accept if fresh else self._emit)
        try:
            for stage, emit in zip(old, after, strict=False):
                if stage.toxic.name in standing:
                    stage.leave(now_s(), emit)
        except ResetAsked:
            self._connection.reset("reset_by_fault")
            return
        self.pump()

    def _fresh_tail(self, old: tuple[Stage, ...]) -> list[Stage]:
        """The new stages behind the last one that stayed: where bytes may be taken back to."""
        fresh: list[Stage] = []
        for stage in reversed(self.stages):
            if stage in old:
                break
            fresh.insert(0, stage)
        return fresh

    @staticmethod
    def _updated(stage: Stage, toxic: Toxic) -> Stage:
        stage.toxic = toxic
        return stage

    def _move_out_to(self, stage: Stage) -> None:
        """Unsent bytes go back behind a new last toxic, before anything else it will hold."""
        now = now_s()
        waiting = [Chunk(data, now) for data in self.outlet.take_back()]
        if self.end is not None:
            waiting.append(Chunk(b"", now, self.end))
            self.end = None
        for chunk in waiting:
            stage.accept(chunk)

    # --- bytes go out ---

    def _emit(self, chunk: Chunk) -> None:
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
        if self._bulk is not None:
            self._bulk.stop()
            self._bulk = None
        self.outlet.give_up()
        self._connection.broke(self.sink)

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
        if self.stages:
            room = self.outlet.waiting + sum(stage.cost for stage in self.stages) < HOLD_LIMIT
        else:
            room = not pending
        self.wants_read = room and not self.source_over
        self.source.update()
        self.sink.update()
        self._set_timer()

    def _set_timer(self) -> None:
        wakes = [stage.wake_s for stage in self.stages if stage.wake_s is not None]
        timer = self._timer
        if not wakes:
            if timer is not None:
                timer.cancel()
                self._timer = None
            return
        due = min(wakes)
        if timer is not None:
            if timer.when() <= due:  # it wakes early enough, and sets itself anew
                return
            timer.cancel()
        self._timer = self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.pump()

    def stop(self) -> None:
        """The connection is over: let go of the timer and the pipe."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._bulk is not None:
            self._bulk.stop()
            self._bulk = None
