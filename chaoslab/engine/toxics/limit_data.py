"""limit_data: the connection closes once `bytes` bytes have passed."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import CLOSE, HOLD, PASS, Decision, Forward, Passing, ToxicContext


@dataclass(slots=True)
class LimitDataState:
    """The number of bytes passed so far on this connection. An update of the toxic keeps this
    number.
    """

    passed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitData(Passing):
    """`bytes` is the number of bytes that pass. All of them are delivered before the close."""

    bytes: int = 0

    def state(self, context: ToxicContext) -> LimitDataState:
        """A new state for one connection: no byte has passed."""
        return LimitDataState()

    def decide(self, state: LimitDataState, head: Chunk | None, now_s: float) -> Decision:
        """Pass bytes up to the limit, then close. A lowered limit acts at the next chunk."""
        if head is None:
            return CLOSE if 0 < self.bytes == state.passed else HOLD
        if head.end is not None:
            return PASS
        size = min(len(head.data), self.bytes - state.passed)
        if size <= 0:
            return CLOSE
        state.passed += size
        return Forward(size)
