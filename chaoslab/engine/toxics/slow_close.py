"""slow_close: the end of the stream is delayed by `delay` ms; bytes are not delayed."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, Decision, Passing, ToxicContext, Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowClose(Passing):
    """`delay` is the delay of the stream's end in ms, counted from the arrival of the end."""

    delay: int = 0

    def state(self, context: ToxicContext) -> None:
        """None: this toxic has no state."""

    def decide(self, state: None, head: Chunk | None, now_s: float) -> Decision:
        """Pass bytes at once, and the end mark once its delay is over."""
        if head is None:
            return HOLD
        due_s = head.arrived_s + self.delay / 1000
        return Wait(due_s) if head.end is not None and now_s < due_s else PASS
