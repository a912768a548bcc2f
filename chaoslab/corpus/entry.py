"""Makes the entry of a trial that has ended: its outcome, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.clock import wall_time
from chaoslab.corpus.builds import Build
from chaoslab.corpus.jobs import Done
from chaoslab.corpus.ledger import Entry
from chaoslab.corpus.record import Record
from chaoslab.corpus.trial import Trial, tried
from chaoslab.gate.result import ScenarioResult
from chaoslab.model.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What an entry says of a build; the names are those of `Entry`."""

    outcome: str
    why: tuple[str, ...]
    verdicts: tuple[str, ...] = ()
    outcomes: tuple[tuple[str, int], ...] = ()


def entry_of(build: Build, done: Sequence[Done], folder: Path) -> Entry:
    """The entry of a trial whose calls have ended. `folder` has their results."""
    results = {name: result for each in done for name, result in each.results.items()}
    if build.record is None:
        judged = _good(results.values())
    else:
        troubles = {name: why for each in done for name, why in each.troubles.items()}
        judged = _refused(build.record, results, troubles)
    return Entry(
        build=build.name,
        state=build.state,
        at=wall_time().isoformat(timespec="seconds"),
        outcome=judged.outcome,
        seconds=sum(each.seconds for each in done),
        verdicts=judged.verdicts,
        why=judged.why,
        outcomes=judged.outcomes,
        folder=str(folder),
    )


def _refused(
    record: Record, results: Mapping[str, ScenarioResult], troubles: Mapping[str, str]
) -> _Judged:
    """For a build that must be refused."""
    trial = tried(record, {name: result.verdicts for name, result in results.items()})
    if troubles:
        why = (f"{name}: the lab failed: {trouble}" for name, trouble in troubles.items())
        trial = Trial(outcome="unclear", why=tuple(why))
    failed = {
        verdict.name: None
        for scenario, result in results.items()
        for verdict in result.verdicts
        if scenario in record.scenarios and verdict.outcome is Outcome.FAIL
    }
    return _Judged(outcome=trial.outcome, verdicts=tuple(failed), why=trial.why)


def _good(results: Collection[ScenarioResult]) -> _Judged:
    """For a build that must pass."""
    outcomes = Counter(result.outcome for result in results)
    return _Judged(
        outcome="passed" if set(outcomes) <= {"PASS"} else "not passed",
        why=tuple(_complaints(results)),
        outcomes=tuple(sorted((str(name), count) for name, count in outcomes.items())),
    )


def _complaints(results: Iterable[ScenarioResult]) -> Iterator[str]:
    """A line for each verdict that is not PASS, and for each scenario that did not pass without
    such a verdict.
    """
    for result in results:
        bad = [v for v in result.verdicts if v.outcome is not Outcome.PASS]
        for verdict in bad:
            why = verdict.because[0].text if verdict.because else verdict.claim
            yield f"{result.scenario}: '{verdict.name}' is {verdict.outcome.value} ({why})"
        if not bad and result.outcome != "PASS":
            yield f"{result.scenario}: {result.outcome} ({' '.join(result.reasons[:1])})"
