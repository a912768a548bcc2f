"""What each runtime lacks on a machine, and the commands that fix it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.runtimes.doctor.machine import Lack, Machine
from chaoslab.runtimes.kind import runtime_kind
from chaoslab.runtimes.table import TABLE

Readiness = Literal["ready", "unknown", "lacking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeNeeds:
    """A runtime, and everything that it lacks on a machine."""

    runtime: str
    lacks: tuple[Lack, ...]

    @property
    def readiness(self) -> Readiness:
        """`lacking` if something is surely missing, `unknown` if something may be missing, else
        `ready`.
        """
        if any(lack.surely for lack in self.lacks):
            return "lacking"
        return "unknown" if self.lacks else "ready"


def needs_of(machine: Machine) -> tuple[RuntimeNeeds, ...]:
    """The RuntimeNeeds of every runtime: what it lacks on this machine."""
    return tuple(
        RuntimeNeeds(
            runtime=name, lacks=(*_unable(machine, name), *runtime_kind(name).lacks(machine))
        )
        for name in TABLE
    )


def _unable(machine: Machine, runtime: str) -> Iterator[Lack]:
    for kind in machine.unable.get(runtime, ()):
        fix = "run that topology with another runtime, as --chaos-runtime=local"
        yield Lack(what=f"services of kind {kind} are not supported there", fixes=(fix,))
