"""latency: every chunk leaves `latency` ± `jitter` ms after it arrived, in order."""

from __future__ import annotations

import random
from dataclasses import dataclass

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.toxics.base import HOLD, PASS, Decision, Forward, Passing, ToxicContext, Wait


@dataclass(slots=True)
class LatencyState:
    """The connection's random generator, and the number drawn for the first chunk (-1 to 1). Both
    are None until they are needed.
    """

    context: ToxicContext
    generator: random.Random | None = None
    swing: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Passing):
    """`latency` is the delay of each chunk in ms. With `jitter` it varies by up to that many ms in
    both directions, uniformly; the number is drawn once per chunk.
    """

    latency: int = 0
    jitter: int = 0

    def state(self, context: ToxicContext) -> LatencyState:
        """A new state for one connection. Its random generator is made only if jitter needs it."""
        return LatencyState(context)

    def decide(self, state: LatencyState, head: Chunk | None, now_s: float) -> Decision:
        """Pass the first chunk if it is due by `now_s`, else wait. The time at which it is due is
        its arrival time at the next toxic.

        An end mark is not delayed; it only waits behind the bytes before it.
        """
        if head is None:
            return HOLD
        if head.end is not None:
            return PASS
        due_s = head.arrived_s + self._delay_s(state)
        if now_s < due_s:
            return Wait(due_s)
        state.swing = None
        return Forward(arrived_s=due_s)

    def _delay_s(self, state: LatencyState) -> float:
        if self.jitter <= 0:
            return self.latency / 1000
        if state.swing is None:
            state.generator = state.generator or state.context.draw()
            state.swing = state.generator.uniform(-1.0, 1.0)
        return (self.latency + self.jitter * state.swing) / 1000
