"""One toxic on one stream: holds its queue and its state, and carries out its decisions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from chaoslab.engine.chunks import Chunk, Direction, End
from chaoslab.engine.connection_log import AppliedFault
from chaoslab.engine.last_messages import is_goodbye
from chaoslab.engine.toxic_collection import Toxic
from chaoslab.engine.toxics.base import Abandon, Close, Drop, Forward, Reset, ToxicContext, Wait

# Memory of a queued chunk besides its bytes, so that a queue of tiny chunks is bounded too.
CHUNK_COST = 256

Emit = Callable[[Chunk], None]


class ResetRequested(Exception):
    """A toxic has decided to reset the connection."""


class AbandonRequested(Exception):
    """A toxic has decided to leave the connection dead."""


class Stage:
    """One toxic on one stream: `accept` queues bytes, and `pump` passes them on as the toxic
    decides.

    `held` is the number of bytes that wait here, `cost` their memory in bytes. `wake_s` is the time
    at which `pump` must be called again at the latest (None if the toxic does not wait for a time).
    """

    __slots__ = (
        "_applied",
        "_note",
        "_state",
        "closed",
        "cost",
        "direction",
        "held",
        "queue",
        "toxic",
        "wake_s",
    )

    def __init__(
        self,
        toxic: Toxic,
        direction: Direction,
        context: ToxicContext,
        note: Callable[[AppliedFault], None],
    ) -> None:
        self.toxic = toxic
        self.direction = direction
        self.queue: deque[Chunk] = deque()
        self.held = 0
        self.cost = 0
        self.wake_s: float | None = None
        self.closed = False
        self._state: Any = toxic.settings.state(context)
        self._note = note
        self._applied: AppliedFault | None = None
        if toxic.settings.affects_idle:
            self._record_effect(b"", context.since_s)

    def accept(self, chunk: Chunk) -> None:
        """Queue a chunk of bytes. After `close` of this stage chunks are discarded."""
        if self.closed:
            return
        size = len(chunk.data)
        self.queue.append(chunk)
        self.held += size
        self.cost += size + CHUNK_COST
        if self.toxic.settings.affects_idle:
            self._record_effect(chunk.data, chunk.arrived_s)

    def pump(self, now_s: float, emit: Emit) -> None:
        """Carry out the toxic's decisions until it waits. Raises ResetRequested if it resets the
        connection.
        """
        self.wake_s = None
        while not self.closed:
            head = self.queue[0] if self.queue else None
            decision = self.toxic.settings.decide(self._state, head, now_s)
            if isinstance(decision, Wait):
                self.wake_s = decision.until_s
                return
            if isinstance(decision, Forward):
                emit(self._take(decision, now_s))
            elif isinstance(decision, Drop):
                self._pop()
            elif isinstance(decision, Close):
                self.close(now_s, emit)
            else:
                raise ResetRequested

    def leave(self, now_s: float, emit: Emit) -> None:
        """Handle the removal of the toxic: pass all waiting bytes on, or end the connection.

        `at_removal` of the toxic says which. Raises ResetRequested if it is a reset, and
        AbandonRequested if the connection is left dead.
        """
        decision = self.toxic.settings.at_removal
        if isinstance(decision, Close):
            self.close(now_s, emit)
        elif isinstance(decision, Reset):
            raise ResetRequested
        elif isinstance(decision, Abandon):
            raise AbandonRequested
        while self.queue:
            emit(self._pop()._replace(arrived_s=now_s))

    def close(self, now_s: float, emit: Emit) -> None:
        """End the stream at this stage; bytes that have passed the stage are still delivered."""
        self.closed = True
        self.queue.clear()
        self.held = self.cost = 0
        self.wake_s = None
        emit(Chunk(b"", now_s, End.CUT))

    def _take(self, decision: Forward, now_s: float) -> Chunk:
        chunk = self._pop()
        if decision.size is not None and decision.size < len(chunk.data):
            rest = chunk._replace(data=chunk.data[decision.size :], message=None)
            self.queue.appendleft(rest)
            self.held += len(rest.data)
            self.cost += len(rest.data) + CHUNK_COST
            chunk = chunk._replace(data=chunk.data[: decision.size])
        if decision.arrived_s is not None:
            chunk = chunk._replace(arrived_s=decision.arrived_s)
        if chunk.data and decision.affected and not self.toxic.settings.affects_idle:
            self._record_effect(chunk.data, now_s)
        return chunk

    def _pop(self) -> Chunk:
        chunk = self.queue.popleft()
        self.held -= len(chunk.data)
        self.cost -= len(chunk.data) + CHUNK_COST
        return chunk

    def _record_effect(self, data: bytes, now_s: float) -> None:
        if self._applied is None:
            self._applied = AppliedFault(self.toxic.name, self.toxic.type, self.direction, now_s)
            self._note(self._applied)
        self._applied.bytes += len(data)
        if self.direction is Direction.UPSTREAM and is_goodbye(data):
            self._applied.goodbye += len(data)
