"""at_message (not in Toxiproxy): acts on a connection at a message of its protocol."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.messages.base import Message
from chaoslab.engine.messages.pattern import ANY, pattern_of, word_of
from chaoslab.engine.toxics.base import (
    CLOSE,
    HOLD,
    PASS_UNAFFECTED,
    Decision,
    Forward,
    Passing,
    ToxicContext,
    Wait,
)

ACTS = ("cut", "hold", "delay")


@dataclass(slots=True)
class AtMessageState:
    """The last message that was looked at on this connection, and whether the toxic acts on it."""

    context: ToxicContext
    message: Message | None = None
    acts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMessage(Passing):
    """Acts on the messages that the pattern `message` means; `nth` is the only one, 0 means each.

    They are counted over all connections of the proxy since the toxic was added. Upstream it acts
    before the server has a byte of the message, downstream on the answer that the server has
    completed it. `do`: "cut" closes the connection once all bytes before the message are delivered;
    "hold" holds the message and all bytes after it until the removal; "delay" delays them by
    `delay` ms. It acts only on a proxy whose messages are read, and on connections that were read
    from their first byte.
    """

    message: str = ANY
    do: str = ACTS[0]
    nth: int = 0
    delay: int = 0

    def __post_init__(self) -> None:
        if not self.message.strip():
            raise ValueError("at_message: message is empty, expected a pattern")
        if self.do not in ACTS:
            known = " or ".join(map(repr, ACTS))
            raise ValueError(f"at_message: do was {self.do!r}, expected {known}")
        if self.nth < 0 or self.delay < 0:
            raise ValueError("at_message: nth and delay are 0 or more")

    def state(self, context: ToxicContext) -> AtMessageState:
        """A new state for one connection: no message was looked at."""
        return AtMessageState(context)

    def decide(self, state: AtMessageState, head: Chunk | None, now_s: float) -> Decision:
        """Act on the first chunk if a message begins with it that is meant; else pass it."""
        if head is None:
            return HOLD
        if head.message is None:
            return PASS_UNAFFECTED
        if head.message is not state.message:
            state.message = head.message
            state.acts = self._acts_on(head.message, state.context)
        if not state.acts:
            return PASS_UNAFFECTED
        if self.do == "cut":
            return CLOSE
        if self.do == "hold":
            return HOLD
        due_s = head.arrived_s + self.delay / 1000
        return Wait(due_s) if now_s < due_s else Forward(arrived_s=due_s)

    def _acts_on(self, message: Message, context: ToxicContext) -> bool:
        text = pattern_of(self.message).found(message)
        if text is None:
            return False
        seen = context.saw(word_of(text))
        seen.acted = self.nth in (0, seen.number)
        return seen.acted
