"""noop: passes everything."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, Decision, Passing, ToxicContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Noop(Passing):
    """Has no effect, so other toxics can be compared with it."""

    def state(self, context: ToxicContext) -> None:
        """None: this toxic has no state."""

    def decide(self, state: None, head: Chunk | None, now_s: float) -> Decision:
        """Pass every chunk."""
        return HOLD if head is None else PASS
