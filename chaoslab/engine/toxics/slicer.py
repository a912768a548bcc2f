"""slicer: cuts chunks into small ones of about `average_size` bytes, `delay` µs apart."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, Decision, Forward, Passing, ToxicContext, Wait


@dataclass(slots=True)
class SlicerState:
    """The sizes of the next slices of the first chunk, and the time at which the last slice was
    passed on.

    The random generator is made when the first chunk is cut.
    """

    context: ToxicContext
    generator: random.Random | None = None
    sizes: deque[int] = field(default_factory=deque)
    sent_s: float = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicer(Passing):
    """`average_size` and `size_variation` are the sizes of slices in bytes, `delay` is the time
    between two slices in µs. With an average of 0 nothing is sliced.
    """

    average_size: int = 0
    size_variation: int = 0
    delay: int = 0

    def state(self, context: ToxicContext) -> SlicerState:
        """A new state for one connection: no chunk is cut yet."""
        return SlicerState(context)

    def decide(self, state: SlicerState, head: Chunk | None, now_s: float) -> Decision:
        """Pass the next slice if the delay after the last one is over, else wait."""
        if head is None:
            return HOLD
        due_s = state.sent_s + self.delay / 1_000_000
        if now_s < due_s:
            return Wait(due_s)
        if head.end is not None:
            return PASS
        if not state.sizes:
            state.generator = state.generator or state.context.draw()
            state.sizes.extend(self._cut(len(head.data), state.generator))
        state.sent_s = now_s
        return Forward(state.sizes.popleft(), arrived_s=now_s)

    def _cut(self, total: int, generator: random.Random) -> list[int]:
        """Sizes that add up to `total`, which is halved until the parts are small enough.

        The variation moves the place of each cut, but never to outside of the chunk.
        """
        if self.average_size <= 0 or total - self.average_size <= max(self.size_variation, 0):
            return [total]
        middle = total // 2
        if self.size_variation > 0:
            middle += generator.randrange(-self.size_variation, self.size_variation)
        middle = min(max(middle, 1), total - 1)
        if total == 1:
            return [total]
        return self._cut(middle, generator) + self._cut(total - middle, generator)
