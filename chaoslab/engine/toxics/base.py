"""What a toxic is: immutable settings with one verb, which returns a decision as a value."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from chaoslab.engine.chunks import Chunk


@dataclass(frozen=True, slots=True)
class Forward:
    """Let the head go on: whole, or only its first `size` bytes (the rest is asked about again).

    `arrived_s` is when it counts as having arrived at the next toxic; None leaves it as it is.
    """

    size: int | None = None
    arrived_s: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing goes on before `until_s`; None means until something changes."""

    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """The head is discarded. Only for a stream that never goes on afterwards."""


@dataclass(frozen=True, slots=True)
class Close:
    """The stream ends here: what has passed is still delivered, then the connection closes."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset at once (RST to both sides)."""


Decision = Forward | Wait | Drop | Close | Reset

PASS = Forward()
HOLD = Wait()
DROP = Drop()
CLOSE = Close()
RESET = Reset()


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a toxic may know of a connection it meets: since when, and its own generator."""

    since_s: float
    draw: Callable[[], random.Random]


class Settings(Protocol):
    """The immutable settings of one toxic, shared by all connections.

    `decide` is the one verb: given this connection's state, the chunk at the head of the queue
    (None if there is none) and the time, it says what happens now. It is asked again when a chunk
    arrives, when a wait ends, and when the settings change; so it decides from facts (arrival
    times, bytes passed) and keeps nothing that an update would make wrong.
    """

    # Whether a connection meets it by standing under it, or only by bytes that pass through it.
    stands: ClassVar[bool]

    @property
    def at_removal(self) -> Decision:
        """What becomes of a connection when the toxic goes: PASS (go on), CLOSE or RESET."""
        ...

    def state(self, meeting: Meeting) -> Any:
        """Fresh state for one connection."""
        ...

    def decide(self, state: Any, head: Chunk | None, now_s: float) -> Decision:
        """What happens to the head of the queue now."""
        ...


class Passing:
    """Shared by toxics that act on passing bytes and leave without a trace."""

    __slots__ = ()
    stands: ClassVar[bool] = False

    @property
    def at_removal(self) -> Decision:
        """A connection simply goes on."""
        return PASS
