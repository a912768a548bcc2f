"""A plan that was not carried out: what a trigger that never came leaves of a verdict. Pure."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.history.events import TriggerMissed
from chaoslab.history.journal import History
from chaoslab.model.verdict import Outcome, Verdict

NOT_CARRIED_OUT = "the plan was not carried out"


def is_not_carried_out(verdict: Verdict) -> bool:
    """Whether a trigger that never came is all that makes it UNKNOWN."""
    first = verdict.because[0] if verdict.because else ""
    return verdict.outcome is Outcome.UNKNOWN and first.startswith(NOT_CARRIED_OUT)


def weighed_by_triggers(verdict: Verdict, history: History) -> Verdict:
    """A PASS is UNKNOWN where a fault's stop, a boot, a load or the quiet time waited in vain: the
    run was another than the one that the plan asks for.

    A failure stands: the app did what it did, and a fault that was healed for want of its stop was
    healed all the same. Each verdict names what did not come.
    """
    told = tuple(
        f"{NOT_CARRIED_OUT}: {missed.place} waited for {missed.moment}: {missed.why}"
        for missed in history.of(TriggerMissed)
    )
    if not told:
        return verdict
    if verdict.outcome is not Outcome.PASS:
        return replace(verdict, because=(*verdict.because, *told))
    alone = "(what was seen would otherwise be judged PASS)"
    return replace(verdict, outcome=Outcome.UNKNOWN, because=(*told, alone, *verdict.because))
