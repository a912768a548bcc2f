"""What a record of the corpus declares: a build with one known bug, and the verdict that must
refuse it. Pure.

Records differ only in their target: what is started, and which project has the scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from chaoslab.corpus.cites import Cite
from chaoslab.model.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Primary:
    """The verdict that must refuse the build, and the reasons that it must have.

    `outcome` is FAIL, or UNKNOWN for a build that the lab cannot judge.
    """

    verdict: str
    cites: tuple[Cite, ...]
    outcome: Outcome = Outcome.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """The target of a record for the reference backend: a build that `command` starts. The
    scenarios are those of the gate.
    """

    number: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The target of a record for a service of the field corpus: a folder with its topology and its
    scenarios.

    `fix` says what its twin does instead. `missing` is what the service needs and this machine does
    not have. `runtime` is the only one on which the bug can be observed; empty means any.
    """

    folder: Path
    fix: str
    library: str
    runtime: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One build with a known bug, and how the lab must refuse it.

    In each of `scenarios` the verdict of `primary` must be as declared. Other verdicts may be
    UNKNOWN or FAIL only if `also` names them. In each of `passes` every verdict must be PASS, which
    shows that the build has no other bug. `counted` are further scenarios like `scenarios`, which
    can decide only where refused connects are counted.
    """

    name: str
    title: str
    mechanism: str
    symptom: str
    source: str
    scenarios: tuple[str, ...]
    counted: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    primary: Primary
    also: frozenset[str] = frozenset()
    target: Defect | Service

    def on(self, *, counts_refused: bool) -> Record:
        """This record with the scenarios that can decide on a runtime that counts refused connects,
        or on one that does not.
        """
        more = self.counted if counts_refused else ()
        return replace(self, scenarios=(*self.scenarios, *more), counted=())

    @property
    def runs(self) -> tuple[str, ...]:
        """Every scenario that a trial of this record runs: `scenarios`, then `passes`."""
        return (*self.scenarios, *self.passes)
