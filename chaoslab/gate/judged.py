"""From a test that ended to a scenario's outcome: its verdicts first, then what pytest says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chaoslab.errors import SpecError
from chaoslab.gate.records import Finished
from chaoslab.gate.result import ScenarioOutcome, ScenarioResult
from chaoslab.gate.rules import RunSeen
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.registry import kinds
from chaoslab.report.runs import saved_verdicts
from chaoslab.report.verdicts_text import SHARED, shared_reasons

_LONGEST_REASON = 40  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A scenario's outcome, and its runs for whoever looks at their histories."""

    result: ScenarioResult
    runs: tuple[RunSeen, ...]


def judged(finished: Finished) -> Judged:
    """What a finished test came to, by the verdicts that its runs saved.

    A test passes only if a run was judged and every verdict is PASS. It FAILs by a FAIL verdict,
    or where its own code failed after verdicts that all passed. Everything else is UNKNOWN.
    """
    folders = [RunFolder(Path(folder)) for folder in finished.folders]
    found = [*_verdicts(folders)]
    verdicts = tuple(verdict for each in found for verdict in each)
    outcome, doubt = _outcome(finished, found, verdicts)
    return Judged(
        result=ScenarioResult(
            scenario=finished.scenario,
            nodeid=finished.nodeid,
            outcome=outcome,
            seconds=finished.seconds,
            reasons=() if outcome == "PASS" else (*_reasons(finished, verdicts, doubt),),
            verdicts=verdicts,
            folders=finished.folders,
            attempts=(outcome,),
        ),
        runs=tuple(_seen(folders)),
    )


def _verdicts(folders: list[RunFolder]) -> Iterator[tuple[Verdict, ...]]:
    for folder in folders:
        try:
            yield saved_verdicts(folder) or ()
        except SpecError:
            yield ()


def _outcome(
    finished: Finished, found: list[tuple[Verdict, ...]], verdicts: tuple[Verdict, ...]
) -> tuple[ScenarioOutcome, str]:
    """The outcome, and for an UNKNOWN that no verdict explains its reason."""
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
        # half a surrogate pair, which a test's text may hold, is nothing that can be printed
        text = finished.reason.encode("utf-8", "replace").decode("utf-8")
        yield from text.strip().splitlines()[-_LONGEST_REASON:]


def _seen(folders: list[RunFolder]) -> Iterator[RunSeen]:
    for folder in folders:
        try:
            topology, plan, history = folder.topology(), folder.plan(kinds()), folder.history()
        except SpecError:
            continue  # nothing that a rule could rest on
        yield RunSeen(topology=topology, plan=plan, history=history)
