"""noop: passes everything."""

# The verb's arguments are the same for every toxic.
# ruff: noqa: ARG002

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, Decision, Passing, ToxicContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Noop(Passing):
    """No effect; the null of every comparison."""

    def state(self, context: ToxicContext) -> None:
        """None is needed."""

    def decide(self, state: None, head: Chunk | None, now_s: float) -> Decision:
        """Pass."""
        return HOLD if head is None else PASS
