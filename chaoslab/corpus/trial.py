"""Judges a trial: was the build with a known bug refused for the reason of that bug? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chaoslab.corpus.cites import is_cited
from chaoslab.corpus.record import Record
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.verdicts.carried_out import is_not_carried_out

Judged = Mapping[str, Sequence[Verdict]]  # the verdicts of each scenario that was run


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The result of running a build with a bug through its scenarios once.

    `refused`: every scenario had the expected verdicts. `missed`: one did not; `why` says which.
    `unclear`: a verdict that decides is UNKNOWN, and must not be. Other verdicts may be UNKNOWN if
    their trigger did not occur: a plan may wait for something that the bug prevents.
    """

    outcome: Literal["refused", "missed", "unclear"]
    why: tuple[str, ...] = ()


def tried(record: Record, judged: Judged) -> Trial:
    """The result of a trial of a build with a bug. `judged` maps each scenario to its verdicts."""
    missed = [why for scenario in record.scenarios for why in _misses(record, scenario, judged)]
    for scenario in record.passes:
        bad = [v for v in judged.get(scenario, ()) if v.outcome is not Outcome.PASS]
        if not judged.get(scenario):
            missed.append(f"{scenario}: no verdict")
        missed += [f"{scenario}: must pass, but {_text(verdict)}" for verdict in bad]
    if not missed:
        return Trial(outcome="refused")
    unclear = all(_is_unclear(record, scenario, judged) for scenario in record.runs)
    return Trial(outcome="unclear" if unclear else "missed", why=tuple(missed))


def _misses(record: Record, scenario: str, judged: Judged) -> list[str]:
    verdicts = judged.get(scenario, ())
    primary = next((v for v in verdicts if v.name == record.primary.verdict), None)
    if primary is None:
        names = ", ".join(v.name for v in verdicts) or "nothing"
        return [f"{scenario}: no verdict '{record.primary.verdict}', only {names}"]
    if primary.outcome is not record.primary.outcome:
        return [f"{scenario}: {_text(primary)}"]
    missed = [
        f"{scenario}: '{primary.name}' does not cite {cite}"
        for cite in record.primary.cites
        if not is_cited(cite, primary.because)
    ]
    listed = {record.primary.verdict, *record.also}
    unexpected = (
        v
        for v in verdicts
        if v.outcome is not Outcome.PASS and v.name not in listed and not is_not_carried_out(v)
    )
    return missed + [f"{scenario}: unexpected: {_text(verdict)}" for verdict in unexpected]


def _is_unclear(record: Record, scenario: str, judged: Judged) -> bool:
    """Whether the scenario would have all expected verdicts if its UNKNOWN verdicts were as
    expected.
    """
    verdicts = judged.get(scenario, ())
    if not verdicts:
        return False
    if scenario in record.passes:
        return worst(v.outcome for v in verdicts) is not Outcome.FAIL
    mine = [v for v in verdicts if v.name == record.primary.verdict]
    others = [v for v in verdicts if v.name not in {record.primary.verdict, *record.also}]
    cited = all(
        v.outcome is Outcome.UNKNOWN or all(is_cited(c, v.because) for c in record.primary.cites)
        for v in mine
    )
    unexpected = any(v.outcome is Outcome.FAIL for v in others)
    decides = {Outcome.UNKNOWN, record.primary.outcome}
    return bool(mine) and cited and not unexpected and mine[0].outcome in decides


def _text(verdict: Verdict) -> str:
    why = verdict.because[0].text if verdict.because else verdict.claim
    return f"'{verdict.name}' is {verdict.outcome.value} ({why})"
