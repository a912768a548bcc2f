"""reset_peer: a true RST to both sides after `timeout` ms on a connection, idle or not."""

# The verb's arguments are the same for every toxic.
# ruff: noqa: ARG002

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import PASS, RESET, Decision, ToxicContext, Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPeer:
    """Milliseconds until the reset; until then bytes are kept back."""

    timeout: int = 0
    affects_idle: ClassVar[bool] = True

    @property
    def at_removal(self) -> Decision:
        """Removed before its time, it passes on the bytes that it kept: none is lost."""
        return PASS

    def state(self, context: ToxicContext) -> float:
        """Since when the toxic applies to the connection."""
        return context.since_s

    def decide(self, state: float, head: Chunk | None, now_s: float) -> Decision:
        """Keep everything back, then reset."""
        due_s = state + self.timeout / 1000
        return RESET if now_s >= due_s else Wait(due_s)
