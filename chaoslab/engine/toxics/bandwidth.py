"""bandwidth: at most `rate` KB (1,000 bytes) a second, in slices of at most 100 ms."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, Decision, Forward, Passing, ToxicContext, Wait

SLICE_MS = 100


@dataclass(slots=True)
class BandwidthState:
    """The time at which the last slice was complete (`free_s`), and that at which the current slice
    began (`started_s`; None: not begun).
    """

    free_s: float
    started_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth(Passing):
    """A line that carries `rate` KB/s: a slice is passed on when its last byte has arrived.

    With a rate of 0 or less nothing passes.
    """

    rate: int = 0

    def state(self, context: ToxicContext) -> BandwidthState:
        """A new state for one connection: the line is free."""
        return BandwidthState(free_s=context.since_s)

    def decide(self, state: BandwidthState, head: Chunk | None, now_s: float) -> Decision:
        """Pass the next slice if its last byte has arrived by `now_s`, else wait for that."""
        if head is None:
            return HOLD
        if head.end is not None:
            return PASS
        if self.rate <= 0:
            state.free_s, state.started_s = now_s, None
            return HOLD
        if state.started_s is None:
            state.started_s = max(state.free_s, head.arrived_s)
        size = min(len(head.data), self.rate * SLICE_MS)
        due_s = state.started_s + size / (self.rate * 1000)
        if now_s < due_s:
            return Wait(due_s)
        state.free_s, state.started_s = due_s, None
        return Forward(size, arrived_s=due_s)
