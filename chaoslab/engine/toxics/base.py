"""The interface of a toxic: immutable settings with a method `decide` that returns a decision."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from chaoslab.engine.chunks import Chunk
from chaoslab.engine.connection_log import SeenMessage


@dataclass(frozen=True, slots=True)
class Forward:
    """Pass the first chunk on, or only its first `size` bytes (then decide again about the rest).

    `arrived_s` is the chunk's arrival time at the next toxic; None leaves it unchanged. `affected`
    is whether the toxic had an effect on the bytes; the connection log counts them then.
    """

    size: int | None = None
    arrived_s: float | None = None
    affected: bool = True


@dataclass(frozen=True, slots=True)
class Wait:
    """Pass nothing on before `until_s`; None means until a chunk arrives or the toxic changes."""

    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Discard the first chunk. Only for a toxic after which the stream never goes on."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the stream: bytes that have passed are delivered, then the connection is closed."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection at once (RST to both sides)."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Leave the connection dead: both sides stay open, and nothing passes any more.

    Only as a decision at the removal.
    """


Decision = Forward | Wait | Drop | Close | Reset | Abandon

PASS = Forward()
PASS_UNAFFECTED = Forward(affected=False)
HOLD = Wait()
DROP = Drop()
CLOSE = Close()
RESET = Reset()
ABANDON = Abandon()


@dataclass(frozen=True, slots=True)
class ToxicContext:
    """What a toxic gets for one connection: the time since which it applies, a function that makes
    a random generator, and one that notes a message that the toxic looks for, by its first word.
    """

    since_s: float
    draw: Callable[[], random.Random]
    saw: Callable[[str], SeenMessage]


class Settings(Protocol):
    """The immutable settings of one toxic, shared by all connections.

    `decide` gets the connection's state, the first chunk of the queue (None if it is empty) and
    the time, and returns a decision. It is called again when a chunk arrives, when a wait ends and
    when the settings change. So the state only has facts (times, bytes passed), which stay true
    when the settings change.
    """

    # True if it affects idle connections too; False if it only affects bytes that pass.
    affects_idle: ClassVar[bool]

    @property
    def at_removal(self) -> Decision:
        """The decision for a connection if the toxic is removed: PASS (goes on), CLOSE, RESET or
        ABANDON.
        """
        ...

    def state(self, context: ToxicContext) -> Any:
        """A new object with the toxic's state for one connection; `decide` gets it at each call."""
        ...

    def decide(self, state: Any, head: Chunk | None, now_s: float) -> Decision:
        """The decision about the first chunk of the queue at the time `now_s`."""
        ...


class Passing:
    """Base of toxics that only affect bytes that pass; after their removal the stream goes on."""

    __slots__ = ()
    affects_idle: ClassVar[bool] = False

    @property
    def at_removal(self) -> Decision:
        """PASS: the connection goes on."""
        return PASS
