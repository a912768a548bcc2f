"""A plan that was not carried out: what a trigger that never came leaves of a verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chaoslab.history.events import StepDone, TriggerMissed
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Code, Reason

NOT_CARRIED_OUT = Code(
    "plan.not_carried_out",
    "the plan was not carried out: {place} waited for {moment}: {why}",
    "A fault's stop, a boot, a load or the quiet time waited for a moment that did not come.",
)
STEP_FAILED = Code(
    "plan.step_failed",
    "the plan was not carried out: its step '{step}' failed: {error}",
    "A step of the scenario's own raised, or did not end in its time.",
)
STEP_NOT_DONE = Code(
    "plan.step_not_done",
    "the plan was not carried out: its step '{step}' was not over when the run ended",
    "The run ended while a step of the scenario's own was under way.",
)
PASSES_OTHERWISE = Code(
    "plan.otherwise_pass",
    "what was observed would otherwise be judged PASS",
    "The verdict is UNKNOWN only because the plan was not carried out.",
)


def is_not_carried_out(verdict: Verdict) -> bool:
    """Whether a trigger that never came is all that makes it UNKNOWN."""
    first = verdict.because[0].code if verdict.because else ""
    codes = (NOT_CARRIED_OUT.name, STEP_FAILED.name, STEP_NOT_DONE.name)
    return verdict.outcome is Outcome.UNKNOWN and first in codes


def weighed_by_triggers(verdict: Verdict, plan: Plan, history: History) -> Verdict:
    """A PASS is UNKNOWN where a fault's stop, a boot, a load, a step or the quiet time waited in
    vain, or a step failed: the run was another than the one that the plan asks for.

    A failure stands: the app did what it did, and a fault that was healed for want of its stop was
    healed all the same. Each verdict names what did not come.
    """
    missed = (*_triggers_missed(history), *_steps_failed(plan, history))
    if not missed:
        return verdict
    if verdict.outcome is not Outcome.PASS:
        return replace(verdict, because=(*verdict.because, *missed))
    because = (*missed, PASSES_OTHERWISE(), *verdict.because)
    return replace(verdict, outcome=Outcome.UNKNOWN, because=because)


def _triggers_missed(history: History) -> Iterator[Reason]:
    for each in history.of(TriggerMissed):
        yield NOT_CARRIED_OUT(place=each.place, moment=each.moment, why=each.why)


def _steps_failed(plan: Plan, history: History) -> Iterator[Reason]:
    done = {each.step: each for each in history.of(StepDone)}
    missed = {each.place for each in history.of(TriggerMissed)}
    for step in plan.steps:
        if (event := done.get(step.name)) is not None:
            if not event.ok:
                yield STEP_FAILED(step=step.name, error=event.error)
        elif step.place not in missed:
            yield STEP_NOT_DONE(step=step.name)
