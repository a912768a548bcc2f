"""What a run came to, for those who write scenarios: verdicts, history, frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chaoslab.errors import Problem, SpecError
from chaoslab.history import events
from chaoslab.history.journal import History
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.reason import Reason
from chaoslab.registry import kinds
from chaoslab.report.runs import saved_verdicts
from chaoslab.report.verdicts_text import explained

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "History",
    "Outcome",
    "Plan",
    "Reason",
    "Result",
    "Topology",
    "Verdict",
    "events",
    "read_result",
]


@dataclass(frozen=True, kw_only=True)  # without slots, so that a file is read once
class Result:
    """One run of a plan. What was saved in `folder` is read when it is asked for."""

    folder: Path
    verdicts: tuple[Verdict, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of the verdicts; UNKNOWN where there is none."""
        return worst(verdict.outcome for verdict in self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether every verdict is PASS."""
        return self.outcome is Outcome.PASS

    def verdict(self, name: str) -> Verdict:
        """The first verdict of that name, as in `recovers`. Raises LookupError for none."""
        names = [verdict.name for verdict in self.verdicts]
        if name not in names:
            raise LookupError(f"no verdict '{name}'; this run has: {', '.join(names)}")
        return self.verdicts[names.index(name)]

    @property
    def explanation(self) -> str:
        """Outcome, claims and reasons as text, a line each."""
        return "\n".join(explained(self.verdicts))

    @cached_property
    def history(self) -> History:
        """All events, as they were saved. `chaoslab.results.events` has their types."""
        return RunFolder(self.folder).history()

    @cached_property
    def plan(self) -> Plan:
        """The plan with every bound written out, as it was saved."""
        return RunFolder(self.folder).plan(kinds())

    @cached_property
    def topology(self) -> Topology:
        """The topology, as it was saved."""
        return RunFolder(self.folder).topology()

    def boots(self) -> pd.DataFrame:
        """One row per boot of an app, as in boots.csv: times in seconds since its spawn."""
        from chaoslab.report.frames import boots_frame

        return boots_frame([self.folder])

    def frame(self, kind: type[events.Event]) -> pd.DataFrame:
        """One row per event of one type, a column per field, as in `frame(events.HealthSample)`."""
        from chaoslab.report.frames import events_frame

        return events_frame(self.history, kind)


def read_result(folder: Path | str) -> Result:
    """The result of a saved run: the folder of one scenario, with the verdicts that it saved.

    Raises SpecError where it has none.
    """
    path = Path(folder)
    verdicts = saved_verdicts(RunFolder(path))
    if verdicts is None:
        fix = f"judge it with `chaoslab analyze {path}`"
        raise SpecError([Problem(where=str(path), what="has no saved verdicts", fix=fix)])
    return Result(folder=path, verdicts=verdicts)
