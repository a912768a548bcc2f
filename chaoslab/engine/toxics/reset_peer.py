"""reset_peer: a true RST to both sides after `timeout` ms on a connection, idle or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import PASS, RESET, Decision, ToxicContext, Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPeer:
    """`timeout` is the time until the reset, in milliseconds; until then bytes are held."""

    timeout: int = 0
    affects_idle: ClassVar[bool] = True

    @property
    def at_removal(self) -> Decision:
        """PASS: after a removal before the reset, the held bytes are passed on."""
        return PASS

    def state(self, context: ToxicContext) -> float:
        """The state: the time since which the toxic applies to the connection."""
        return context.since_s

    def decide(self, state: float, head: Chunk | None, now_s: float) -> Decision:
        """Reset if the toxic has applied for `timeout` ms, else wait and hold all bytes."""
        due_s = state + self.timeout / 1000
        return RESET if now_s >= due_s else Wait(due_s)
