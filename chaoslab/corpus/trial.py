"""Whether a build with a known defect was refused, for its own reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chaoslab.corpus.cites import is_cited
from chaoslab.corpus.records import Defect
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.verdicts.carried_out import is_not_carried_out

Judged = Mapping[str, Sequence[Verdict]]  # the verdicts of each scenario that was run


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One time that a build went through its scenarios.

    `refused`: for its own reason, everywhere; `missed`: not so, and `why` says where; `unclear`: a
    verdict that had to be FAIL is UNKNOWN, so the lab itself could not tell. A verdict that is
    UNKNOWN only because a trigger never came is no other reason: what the defect keeps from
    happening, the plan may wait for.
    """

    outcome: Literal["refused", "missed", "unclear"]
    why: tuple[str, ...] = ()


def tried(defect: Defect, judged: Judged) -> Trial:
    """What a trial of the defect comes to, by the verdicts of its scenarios."""
    missed = [why for scenario in defect.scenarios for why in _misses(defect, scenario, judged)]
    for scenario in defect.passes:
        bad = [v for v in judged.get(scenario, ()) if v.outcome is not Outcome.PASS]
        if not judged.get(scenario):
            missed.append(f"{scenario}: no verdict")
        missed += [f"{scenario}: must pass, but {_said(verdict)}" for verdict in bad]
    if not missed:
        return Trial(outcome="refused")
    unclear = all(_is_unclear(defect, scenario, judged) for scenario in defect.runs)
    return Trial(outcome="unclear" if unclear else "missed", why=tuple(missed))


def _misses(defect: Defect, scenario: str, judged: Judged) -> list[str]:
    verdicts = judged.get(scenario, ())
    primary = next((v for v in verdicts if v.name == defect.primary), None)
    if primary is None:
        names = ", ".join(v.name for v in verdicts) or "nothing"
        return [f"{scenario}: no verdict '{defect.primary}', only {names}"]
    if primary.outcome is not Outcome.FAIL:
        return [f"{scenario}: {_said(primary)}"]
    missed = [
        f"{scenario}: '{primary.name}' does not cite {cite}"
        for cite in defect.cites
        if not is_cited(cite, primary.because)
    ]
    listed = {defect.primary, *defect.also}
    strange = (
        v
        for v in verdicts
        if v.outcome is not Outcome.PASS and v.name not in listed and not is_not_carried_out(v)
    )
    return missed + [f"{scenario}: unexpected: {_said(verdict)}" for verdict in strange]


def _is_unclear(defect: Defect, scenario: str, judged: Judged) -> bool:
    """Whether nothing but an UNKNOWN stands between this scenario and what it must be."""
    verdicts = judged.get(scenario, ())
    if not verdicts:
        return False
    if scenario in defect.passes:
        return worst(v.outcome for v in verdicts) is not Outcome.FAIL
    mine = [v for v in verdicts if v.name == defect.primary]
    others = [v for v in verdicts if v.name not in {defect.primary, *defect.also}]
    cited = all(
        v.outcome is Outcome.UNKNOWN or all(is_cited(c, v.because) for c in defect.cites)
        for v in mine
    )
    strange = any(v.outcome is Outcome.FAIL for v in others)
    return bool(mine) and cited and not strange and mine[0].outcome is not Outcome.PASS


def _said(verdict: Verdict) -> str:
    why = verdict.because[0].text if verdict.because else verdict.claim
    return f"'{verdict.name}' is {verdict.outcome.value} ({why})"
