"""What dead labs left on this machine, as every runtime reports it.

A lab's dead-man's switch removes what the lab made. Something is left only if the switch died
too, such as after a reboot, or while the container engine was down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What `chaoslab clean` looks for, besides the leftovers of dead labs on this machine.

    `images`: superseded images too. `session` is a session of another host that the user knows to
    be dead.
    """

    images: bool = False
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that a dead lab left.

    `remove` removes it; it returns why it is still there, or the empty string. Things with a lower
    `turn` are removed first.
    """

    what: str
    remove: Callable[[], str]
    turn: int = 0


@dataclass(slots=True, kw_only=True)
class Found:
    """Everything that was found, and notes on what was not checked or left alone."""

    leftovers: list[Leftover] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
