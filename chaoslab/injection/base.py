"""What carries out a fault: begin, look, end."""

from __future__ import annotations

from typing import Protocol

from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link


class Injection(Protocol):
    """One declared fault, bound to its ground; nothing has happened yet. `links` are those that it
    affects.
    """

    @property
    def declared(self) -> Declared: ...

    @property
    def links(self) -> tuple[Link, ...]: ...

    async def begin(self) -> float:
        """Put it in force; returns the journal time at which that was done, at the latest."""

    async def seen(self) -> str:
        """What shows it in force, in a few words. Raises InjectionFailed where nothing does."""

    async def end(self) -> None:
        """Heal it, and see that it is gone. Ending what never began is no error."""
