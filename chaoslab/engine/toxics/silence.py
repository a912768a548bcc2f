"""silence (not in Toxiproxy): holds bytes and the end, and delivers them when it is removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, RESET, Decision, ToxicContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """`at_heal` says what happens at the removal: "deliver" all held bytes in order, or "reset"
    every affected connection.

    The toxic never discards bytes of a stream that goes on: such a stream would be corrupt.
    """

    at_heal: str = "deliver"
    affects_idle: ClassVar[bool] = True

    @property
    def at_removal(self) -> Decision:
        """RESET or PASS, as `at_heal` says."""
        return RESET if self.at_heal == "reset" else PASS

    def state(self, context: ToxicContext) -> None:
        """None: this toxic has no state."""

    def decide(self, state: None, head: Chunk | None, now_s: float) -> Decision:
        """HOLD: no chunk is passed on while the toxic is in force."""
        return HOLD
