"""One toxic on one stream of one connection: its queue, its state, its decisions carried out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from chaoslab.engine.chunks import Chunk, Direction, End
from chaoslab.engine.connection_log import AppliedFault
from chaoslab.engine.toxic_collection import Toxic
from chaoslab.engine.toxics.base import Close, Drop, Forward, Reset, ToxicContext, Wait
from chaoslab.engine.words import is_goodbye

# Memory of a queued chunk beside its bytes, so that a queue of tiny chunks is bounded as well.
CHUNK_COST = 256

Emit = Callable[[Chunk], None]


class ResetAsked(Exception):
    """A toxic decided that the connection is reset."""


class Stage:
    """Bytes enter by `accept`, and leave by `pump` as the toxic decides.

    `held` is how many bytes wait here, `cost` the memory that they take, `wake_s` the latest time
    of the next `pump` (None if time alone changes nothing).
    """

    __slots__ = (
        "_met",
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
        self._met: AppliedFault | None = None
        if toxic.settings.affects_idle:
            self._record_effect(b"", context.since_s)

    def accept(self, chunk: Chunk) -> None:
        """Queue a chunk behind the others; after a close it is discarded."""
        if self.closed:
            return
        size = len(chunk.data)
        self.queue.append(chunk)
        self.held += size
        self.cost += size + CHUNK_COST
        if self.toxic.settings.affects_idle:
            self._record_effect(chunk.data, chunk.arrived_s)

    def pump(self, now_s: float, emit: Emit) -> None:
        """Do what the toxic decides until it waits; raises ResetAsked for a reset."""
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
                raise ResetAsked

    def leave(self, now_s: float, emit: Emit) -> None:
        """The toxic is removed: what waited goes on, unless the toxic ends the connection."""
        decision = self.toxic.settings.at_removal
        if isinstance(decision, Close):
            self.close(now_s, emit)
        elif isinstance(decision, Reset):
            raise ResetAsked
        while self.queue:
            emit(self._pop()._replace(arrived_s=now_s))

    def close(self, now_s: float, emit: Emit) -> None:
        """End the stream here; what has passed this stage is still delivered."""
        self.closed = True
        self.queue.clear()
        self.held = self.cost = 0
        self.wake_s = None
        emit(Chunk(b"", now_s, End.CUT))

    def _take(self, decision: Forward, now_s: float) -> Chunk:
        chunk = self._pop()
        if decision.size is not None and decision.size < len(chunk.data):
            rest = chunk._replace(data=chunk.data[decision.size :])
            self.queue.appendleft(rest)
            self.held += len(rest.data)
            self.cost += len(rest.data) + CHUNK_COST
            chunk = chunk._replace(data=chunk.data[: decision.size])
        if decision.arrived_s is not None:
            chunk = chunk._replace(arrived_s=decision.arrived_s)
        if chunk.data and not self.toxic.settings.affects_idle:
            self._record_effect(chunk.data, now_s)
        return chunk

    def _pop(self) -> Chunk:
        chunk = self.queue.popleft()
        self.held -= len(chunk.data)
        self.cost -= len(chunk.data) + CHUNK_COST
        return chunk

    def _record_effect(self, data: bytes, now_s: float) -> None:
        if self._met is None:
            self._met = AppliedFault(self.toxic.name, self.toxic.type, self.direction, now_s)
            self._note(self._met)
        self._met.bytes += len(data)
        if self.direction is Direction.UPSTREAM and is_goodbye(data):
            self._met.goodbye += len(data)
