"""Decides a scenario's outcome from its saved verdicts and the outcome of its test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chaoslab.errors import SpecError
from chaoslab.gate.records import Finished
from chaoslab.gate.result import ScenarioOutcome, ScenarioResult
from chaoslab.gate.rules import SavedRun
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.registry import kinds
from chaoslab.report.how_long import read_how_long
from chaoslab.report.runs import saved_verdicts
from chaoslab.report.verdicts_text import SHARED, shared_reasons
from chaoslab.verdicts.how_long import HowLong

_LONGEST_REASON = 40  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The result of a scenario, and its saved runs, which the abort rules use."""

    result: ScenarioResult
    runs: tuple[SavedRun, ...]


def judged(finished: Finished) -> Judged:
    """The result of a finished test, from the verdicts that its runs saved.

    PASS: the test passed, at least one run was judged, and every verdict is PASS. FAIL: a verdict
    is FAIL, or the test's own code failed although every verdict is PASS. skipped: the test was
    skipped, and no verdict is FAIL. Else UNKNOWN.

    A search for the length that breaks the app has a verdict of its own. It stands for those of its
    runs with lengths that are not required: a length that breaks the app is what it looks for.
    """
    searches = tuple(_searches(finished.searches))
    folders = [
        RunFolder(Path(folder))
        for folder in finished.folders
        if all(search.counts(Path(folder).name) for search in searches)
    ]
    found = [*_verdicts(folders), *((search.verdict,) for search in searches)]
    verdicts = tuple(verdict for each in found for verdict in each)
    outcome, doubt = _outcome(finished, found, verdicts)
    return Judged(
        result=ScenarioResult(
            scenario=finished.scenario,
            nodeid=finished.nodeid,
            outcome=outcome,
            seconds=finished.seconds,
            reasons=() if outcome == "PASS" else (*_reasons(finished, verdicts, doubt),),
            problems=finished.problems,
            verdicts=verdicts,
            folders=finished.folders,
            how_long=searches,
            attempts=(outcome,),
        ),
        runs=tuple(_runs(folders)),
    )


def _searches(folders: Iterable[str]) -> Iterator[HowLong]:
    """The saved searches. One that cannot be read is left out: each of its runs counts then."""
    for folder in folders:
        with suppress(SpecError):
            yield read_how_long(folder)


def _verdicts(folders: list[RunFolder]) -> Iterator[tuple[Verdict, ...]]:
    for folder in folders:
        try:
            yield saved_verdicts(folder) or ()
        except SpecError:
            yield ()


def _outcome(
    finished: Finished, found: list[tuple[Verdict, ...]], verdicts: tuple[Verdict, ...]
) -> tuple[ScenarioOutcome, str]:
    """The outcome of a scenario, and the reason for an UNKNOWN that no verdict explains (else
    empty).
    """
    if verdicts and worst(verdict.outcome for verdict in verdicts) is Outcome.FAIL:
        return "FAIL", ""
    if finished.outcome == "skipped":
        return "skipped", ""
    if finished.trouble:
        return "UNKNOWN", f"the lab failed: {finished.trouble}"
    if finished.outcome == "error":
        return "UNKNOWN", "the test failed outside its scenario"
    if not found:
        failed = finished.outcome == "failed"
        why = "the test failed before a scenario ran" if failed else "no scenario ran"
        return "UNKNOWN", why
    if not all(found):
        return "UNKNOWN", "a run has no saved verdicts"
    if worst(verdict.outcome for verdict in verdicts) is Outcome.UNKNOWN:
        return "UNKNOWN", ""
    return ("PASS", "") if finished.outcome == "passed" else ("FAIL", "")


def _reasons(finished: Finished, verdicts: tuple[Verdict, ...], doubt: str) -> Iterator[str]:
    if doubt:
        yield doubt
    shared = shared_reasons(verdicts)
    yield from (f"{SHARED} {reason}" for reason in shared)
    judged = [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]
    for verdict in judged:
        yield f"{verdict.outcome.value} {verdict.name}: {verdict.claim}"
        yield from (f"  {reason}" for reason in verdict.because if reason not in shared)
    if not judged:
        # half of a surrogate pair, which a test's text may hold, cannot be printed
        text = finished.reason.encode("utf-8", "replace").decode("utf-8")
        yield from text.strip().splitlines()[-_LONGEST_REASON:]


def _runs(folders: list[RunFolder]) -> Iterator[SavedRun]:
    for folder in folders:
        try:
            topology, plan, history = folder.topology(), folder.plan(kinds()), folder.history()
        except SpecError:
            continue  # no rule can be checked without them
        yield SavedRun(topology=topology, plan=plan, history=history)
