"""What a toxic is: immutable settings with one verb, which returns a decision as a value."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from chaoslab.engine.chunks import Chunk


@dataclass(frozen=True, slots=True)
class Forward:
    """Pass the head on, or only its first `size` bytes (then decide again about the rest).

    `arrived_s` is its arrival time at the next toxic; None leaves it unchanged.
    """

    size: int | None = None
    arrived_s: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Pass nothing on before `until_s`; None means until something changes."""

    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """The head is discarded. Only for a stream that never goes on afterwards."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the stream: what has passed is still delivered, then the connection closes."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection at once (RST to both sides)."""


Decision = Forward | Wait | Drop | Close | Reset

PASS = Forward()
HOLD = Wait()
DROP = Drop()
CLOSE = Close()
RESET = Reset()


@dataclass(frozen=True, slots=True)
class ToxicContext:
    """What a toxic may know of a connection: since when it applies, and its own generator."""

    since_s: float
    draw: Callable[[], random.Random]


class Settings(Protocol):
    """The immutable settings of one toxic, shared by all connections.

    `decide` is the one verb: given this connection's state, the chunk at the head of the queue
    (None if there is none) and the time, it returns what happens now. It is called again when a
    chunk arrives, when a wait ends, and when the settings change. So it decides from facts
    (arrival times, bytes passed) and keeps nothing that an update would make wrong.
    """

    # Whether it affects a connection from the start, idle or not, or only by passing bytes.
    affects_idle: ClassVar[bool]

    @property
    def at_removal(self) -> Decision:
        """What happens to a connection when the toxic is removed: PASS (go on), CLOSE or RESET."""
        ...

    def state(self, context: ToxicContext) -> Any:
        """Fresh state for one connection."""
        ...

    def decide(self, state: Any, head: Chunk | None, now_s: float) -> Decision:
        """What happens to the head of the queue now."""
        ...


class Passing:
    """Base of toxics that act on passing bytes only, and whose removal has no effect."""

    __slots__ = ()
    affects_idle: ClassVar[bool] = False

    @property
    def at_removal(self) -> Decision:
        """The connection goes on."""
        return PASS
