"""The data types for what dead labs left on this machine; every runtime reports with them.

A lab's dead-man's switch removes what the lab made. Something is left only if the switch died too,
such as after a reboot, or while the container engine was down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What `chaoslab clean` searches for, besides the leftovers of dead labs on this machine.

    With `images`, superseded images too. `session` names a session of a lab on another host that
    the user knows to be dead.
    """

    images: bool = False
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing that a dead lab left.

    `remove` removes the thing, and returns why it still exists, or the empty string. Things with a
    lower `turn` are removed first.
    """

    what: str
    remove: Callable[[], str]
    turn: int = 0


@dataclass(slots=True, kw_only=True)
class Found:
    """The leftovers that were found, and notes on what was not checked or left alone."""

    leftovers: list[Leftover] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
