"""silence (not in Toxiproxy): holds bytes and the end, and delivers them when it is removed."""

# The verb's arguments are the same for every toxic.
# ruff: noqa: ARG002

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, RESET, Decision, ToxicContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """`at_heal` is "deliver" (all held bytes, in order) or "reset" (every affected connection).

    It never drops bytes of a stream that goes on: such a stream would be corrupt.
    """

    at_heal: str = "deliver"
    affects_idle: ClassVar[bool] = True

    @property
    def at_removal(self) -> Decision:
        """As `at_heal` says."""
        return RESET if self.at_heal == "reset" else PASS

    def state(self, context: ToxicContext) -> None:
        """None is needed."""

    def decide(self, state: None, head: Chunk | None, now_s: float) -> Decision:
        """Hold."""
        return HOLD
