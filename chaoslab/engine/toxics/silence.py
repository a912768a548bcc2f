"""silence (not in Toxiproxy): holds bytes and the end until it is removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import ABANDON, HOLD, PASS, RESET, Decision, ToxicContext

_AT_REMOVAL: dict[str, Decision] = {"deliver": PASS, "reset": RESET, "dead": ABANDON}
AT_HEAL = tuple(_AT_REMOVAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """`at_heal` says what happens at the removal: "deliver" all held bytes in order, "reset" every
    affected connection, or leave it "dead", open and silent.

    The toxic never discards bytes of a stream that goes on: such a stream would be corrupt.
    """

    at_heal: str = "deliver"
    affects_idle: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.at_heal not in AT_HEAL:
            known = " or ".join(map(repr, AT_HEAL))
            raise ValueError(f"silence: at_heal was {self.at_heal!r}, expected {known}")

    @property
    def at_removal(self) -> Decision:
        """PASS, RESET or ABANDON, as `at_heal` says."""
        return _AT_REMOVAL[self.at_heal]

    def state(self, context: ToxicContext) -> None:
        """None: this toxic has no state."""

    def decide(self, state: None, head: Chunk | None, now_s: float) -> Decision:
        """HOLD: no chunk is passed on while the toxic is in force."""
        return HOLD
