"""timeout: no byte passes; the connection is closed after `timeout` ms (0: when it is removed)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import CLOSE, DROP, HOLD, PASS, Decision, ToxicContext, Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """`timeout` is the time in ms from when the toxic applies to the connection until it is closed.

    A chunk does not restart this time.
    """

    timeout: int = 0
    affects_idle: ClassVar[bool] = True

    @property
    def at_removal(self) -> Decision:
        """CLOSE: bytes were discarded, so the connection may not go on."""
        return CLOSE

    def state(self, context: ToxicContext) -> float:
        """The state is the time since which the toxic applies to the connection."""
        return context.since_s

    def decide(self, state: float, head: Chunk | None, now_s: float) -> Decision:
        """Discard bytes, pass an end mark, and close when the time is over."""
        due_s = state + self.timeout / 1000 if self.timeout > 0 else None
        if due_s is not None and now_s >= due_s:
            return CLOSE
        if head is not None:
            return DROP if head.end is None else PASS
        return HOLD if due_s is None else Wait(due_s)
