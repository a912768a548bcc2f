"""A plan that was not carried out: what a trigger that never came leaves of a verdict. Pure."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.history.events import TriggerMissed
from chaoslab.history.journal import History
from chaoslab.model.reason import Code
from chaoslab.model.verdict import Outcome, Verdict

NOT_CARRIED_OUT = Code(
    "plan.not_carried_out",
    "the plan was not carried out: {place} waited for {moment}: {why}",
    "A fault's stop, a boot, a load or the quiet time waited for a moment that did not come.",
)
PASSES_OTHERWISE = Code(
    "plan.otherwise_pass",
    "what was observed would otherwise be judged PASS",
    "The verdict is UNKNOWN only because the plan was not carried out.",
)


def is_not_carried_out(verdict: Verdict) -> bool:
    """Whether a trigger that never came is all that makes it UNKNOWN."""
    first = verdict.because[0].code if verdict.because else ""
    return verdict.outcome is Outcome.UNKNOWN and first == NOT_CARRIED_OUT.name


def weighed_by_triggers(verdict: Verdict, history: History) -> Verdict:
    """A PASS is UNKNOWN where a fault's stop, a boot, a load or the quiet time waited in vain: the
    run was another than the one that the plan asks for.

    A failure stands: the app did what it did, and a fault that was healed for want of its stop was
    healed all the same. Each verdict names what did not come.
    """
    missed = tuple(
        NOT_CARRIED_OUT(place=each.place, moment=each.moment, why=each.why)
        for each in history.of(TriggerMissed)
    )
    if not missed:
        return verdict
    if verdict.outcome is not Outcome.PASS:
        return replace(verdict, because=(*verdict.because, *missed))
    because = (*missed, PASSES_OTHERWISE(), *verdict.because)
    return replace(verdict, outcome=Outcome.UNKNOWN, because=because)
