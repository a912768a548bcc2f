"""The interface of what injects one fault: begin, check, end."""

from __future__ import annotations

from typing import Protocol

from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link


class Injection(Protocol):
    """One fault of the plan, and what the fault acts on. Nothing happens before `begin`.

    `links` are the links that the fault affects.
    """

    @property
    def declared(self) -> Declared: ...

    @property
    def links(self) -> tuple[Link, ...]: ...

    async def begin(self) -> float:
        """Apply the fault. Returns the journal time from which the fault counts as in force."""

    async def check(self) -> str:
        """Check that the fault is in force, and return what shows it, in a few words.

        Raises InjectionFailed if nothing shows it.
        """

    async def end(self) -> None:
        """Heal the fault. Does nothing if the fault never began."""
