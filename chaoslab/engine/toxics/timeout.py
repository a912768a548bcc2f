"""timeout: no byte passes; the connection is closed after `timeout` ms (0: at the removal)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import CLOSE, DROP, HOLD, PASS, Decision, ToxicContext, Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """`timeout` is how long, in ms, the toxic applies to a connection before the connection is
    closed; 0: until the toxic is removed.

    A chunk does not restart this time.
    """

    timeout: int = 0
    affects_idle: ClassVar[bool] = True

    @property
    def at_removal(self) -> Decision:
        """CLOSE: bytes were discarded, so the connection may not go on."""
        return CLOSE

    def state(self, context: ToxicContext) -> float:
        """The state: the time since which the toxic applies to the connection."""
        return context.since_s

    def decide(self, state: float, head: Chunk | None, now_s: float) -> Decision:
        """Close if the time is over; until then discard bytes and pass an end mark."""
        due_s = state + self.timeout / 1000 if self.timeout > 0 else None
        if due_s is not None and now_s >= due_s:
            return CLOSE
        if head is not None:
            return DROP if head.end is None else PASS
        return HOLD if due_s is None else Wait(due_s)
