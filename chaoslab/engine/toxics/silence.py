"""silence (beyond Toxiproxy): bytes and the end are held, and delivered when it is removed."""

# The verb's arguments are the same for every toxic.
# ruff: noqa: ARG002

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, RESET, Decision, Meeting


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """`at_heal` is "deliver" (all that was held, in order) or "reset" (those that stood under it).

    It never drops some and goes on: a stream that did would be corrupt.
    """

    at_heal: str = "deliver"
    stands: ClassVar[bool] = True

    @property
    def at_removal(self) -> Decision:
        """As `at_heal` says."""
        return RESET if self.at_heal == "reset" else PASS

    def state(self, meeting: Meeting) -> None:
        """None is needed."""

    def decide(self, state: None, head: Chunk | None, now_s: float) -> Decision:
        """Hold."""
        return HOLD
