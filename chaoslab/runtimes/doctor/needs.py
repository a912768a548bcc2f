"""What each runtime lacks on a machine, and the commands that fix it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from chaoslab.runtimes.doctor.machine import Lack, Machine
from chaoslab.runtimes.kind import runtime_kind
from chaoslab.runtimes.table import LOCAL, LOCAL_RUNTIMES, TABLE

Readiness = Literal["ready", "unknown", "lacking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeNeeds:
    """A runtime, and everything that it lacks on a machine.

    `means` is set for `local` only: the runtime for which it stands on this machine.
    """

    runtime: str
    lacks: tuple[Lack, ...]
    means: str = ""

    @property
    def readiness(self) -> Readiness:
        """`lacking` if something is surely missing, `unknown` if something may be missing, else
        `ready`.
        """
        if any(lack.surely for lack in self.lacks):
            return "lacking"
        return "unknown" if self.lacks else "ready"


def needs_of(machine: Machine) -> tuple[RuntimeNeeds, ...]:
    """The RuntimeNeeds of `local` and of every runtime: what it lacks on this machine."""
    needs = tuple(
        RuntimeNeeds(
            runtime=name, lacks=(*_unable(machine, name), *runtime_kind(name).lacks(machine))
        )
        for name in TABLE
    )
    return (_local({each.runtime: each for each in needs}), *needs)


def _local(needs: Mapping[str, RuntimeNeeds]) -> RuntimeNeeds:
    """The needs of `local`: those of the first runtime that lacks nothing of its own. All of them
    lack a server that is not installed.
    """
    *better, last = (needs[name] for name in LOCAL_RUNTIMES)
    meant = next((each for each in better if set(each.lacks) <= set(last.lacks)), last)
    return replace(meant, runtime=LOCAL, means=meant.runtime)


def _unable(machine: Machine, runtime: str) -> Iterator[Lack]:
    for kind in machine.unable.get(runtime, ()):
        fix = "run that topology with another runtime, as --chaos-runtime=local"
        yield Lack(what=f"services of kind {kind} are not supported there", fixes=(fix,))
