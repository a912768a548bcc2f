"""The result of a run, for scenarios: verdicts, history, data frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.history import events
from chaoslab.history.journal import History
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.reason import Reason
from chaoslab.registry import kinds
from chaoslab.report.how_long import read_how_long
from chaoslab.report.runs import saved_verdicts
from chaoslab.report.verdicts_text import explained
from chaoslab.verdicts.how_long import HowLong
from chaoslab.verdicts.tried_length import Tried

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "History",
    "HowLong",
    "Outcome",
    "Plan",
    "Reason",
    "Result",
    "Topology",
    "Tried",
    "Verdict",
    "events",
    "read_how_long",
    "read_result",
]


NO_VERDICTS = ErrorCode(
    "run.no_verdicts",
    "has no saved verdicts",
    "The run was not judged, or the judgement did not end.",
)


@dataclass(frozen=True, kw_only=True)  # without slots: cached_property needs a __dict__
class Result:
    """The result of one run of a plan.

    The files in `folder` are read when a property first needs them.
    """

    folder: Path
    verdicts: tuple[Verdict, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of the verdicts; UNKNOWN if there is none."""
        return worst(verdict.outcome for verdict in self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether every verdict is PASS; false if there is no verdict."""
        return self.outcome is Outcome.PASS

    def verdict(self, name: str) -> Verdict:
        """The first verdict with this name, such as `recovers`.

        Raises LookupError if none has it.
        """
        names = [verdict.name for verdict in self.verdicts]
        if name not in names:
            raise LookupError(f"no verdict '{name}'; this run has: {', '.join(names)}")
        return self.verdicts[names.index(name)]

    @property
    def explanation(self) -> str:
        """The outcome, the claims and the reasons, as lines of text."""
        return "\n".join(explained(self.verdicts))

    @cached_property
    def history(self) -> History:
        """All saved events of the run. `chaoslab.results.events` has their types."""
        return RunFolder(self.folder).history()

    @cached_property
    def plan(self) -> Plan:
        """The saved plan, with every bound written out."""
        return RunFolder(self.folder).plan(kinds())

    @cached_property
    def topology(self) -> Topology:
        """The saved topology."""
        return RunFolder(self.folder).topology()

    def boots(self) -> pd.DataFrame:
        """A data frame with one row per boot of an app, and the columns of
        `chaoslab.report.frames.boots_frame`.
        """
        from chaoslab.report.frames import boots_frame

        return boots_frame([self.folder])

    def frame(self, kind: type[events.Event]) -> pd.DataFrame:
        """A data frame with one row per event of one type and one column per field, such as
        `frame(events.HealthSample)`.
        """
        from chaoslab.report.frames import events_frame

        return events_frame(self.history, kind)


def read_result(folder: Path | str) -> Result:
    """The saved result of one scenario, from its folder. Raises SpecError if it has no verdicts."""
    path = Path(folder)
    verdicts = saved_verdicts(RunFolder(path))
    if verdicts is None:
        fix = f"judge it with `chaoslab analyze {path}`"
        raise SpecError(Problem(reason=NO_VERDICTS(), where=str(path), fix=fix))
    return Result(folder=path, verdicts=verdicts)
