"""Changes the verdicts of a run in which the plan was not carried out in full. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, get_args

from chaoslab.history.events import StepDone, TriggerMissed
from chaoslab.history.impossible import FAULTS_OVER, NO_PROCESS, STEP_MISSED, TOO_FEW_BOOTS
from chaoslab.history.journal import History
from chaoslab.history.moments import in_words
from chaoslab.history.triggers import BOOT_OVER, NOT_IN_TIME, RUN_ENDED, missed_places
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.model.when import AtMoment, Moment
from chaoslab.reason import Code, Reason

_CAUSES = {
    code.name: code
    for code in (
        NOT_IN_TIME,
        RUN_ENDED,
        NO_PROCESS,
        BOOT_OVER,
        TOO_FEW_BOOTS,
        FAULTS_OVER,
        STEP_MISSED,
    )
}


def _not_carried_out(data: Mapping[str, Any]) -> str:
    moment = data["moment"]
    if moment in get_args(Moment):
        moment = AtMoment(**{name: data[name] for name in _MOMENT})
    code = _CAUSES.get(data["cause"])
    why = code(**{name: data[name] for name in code.data_names}) if code else data["why"]
    return f"the plan was not carried out: {data['place']} waited for {in_words(moment)}: {why}"


_MOMENT = ("moment", "of", "naming", "nth", "after_s")
_OF_CAUSE = dict.fromkeys(name for code in _CAUSES.values() for name in code.data_names)
NOT_CARRIED_OUT = Code(
    "plan.not_carried_out",
    _not_carried_out,
    "A trigger of the plan (`place`) did not occur: a fault's stop, a boot or its stop, a load, a "
    "step or the quiet time. `cause` is a code `trigger.*`, and its own data are beside these. In "
    "runs of older versions `moment` is a text, and `cause` is `text`, with the words in `why`.",
    data=("place", *_MOMENT, "cause", *_OF_CAUSE, "why"),
)
STEP_FAILED = Code(
    "plan.step_failed",
    "the plan was not carried out: its step '{step}' failed: {error}",
    "A step of the scenario raised an error, or did not end in its time.",
)
STEP_NOT_DONE = Code(
    "plan.step_not_done",
    "the plan was not carried out: its step '{step}' was not over when the run ended",
    "The run ended before a step of the scenario was done.",
)
PASSES_OTHERWISE = Code(
    "plan.otherwise_pass",
    "what was observed would otherwise be judged PASS",
    "The verdict is UNKNOWN only because the plan was not carried out.",
)


def is_not_carried_out(verdict: Verdict) -> bool:
    """Whether the verdict is UNKNOWN because the plan was not carried out: its first reason says
    so.
    """
    first = verdict.because[0].code if verdict.because else ""
    codes = (NOT_CARRIED_OUT.name, STEP_FAILED.name, STEP_NOT_DONE.name)
    return verdict.outcome is Outcome.UNKNOWN and first in codes


def weighed_by_triggers(verdict: Verdict, plan: Plan, history: History) -> Verdict:
    """The verdict, with a reason for every trigger that did not occur and every step that failed.

    A PASS becomes UNKNOWN: the run was not the one that the plan describes. A FAIL stays FAIL: what
    the app did is observed, and a fault whose stop did not occur was healed all the same.
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
        yield NOT_CARRIED_OUT(place=each.place, **_moment_data(each.moment), **_cause(each.why))


def _moment_data(moment: AtMoment | str) -> dict[str, Any]:
    data = {"of": "", "naming": (), "nth": 1, "after_s": 0.0, "moment": moment}
    return data if isinstance(moment, str) else {name: asdict(moment)[name] for name in _MOMENT}


def _cause(why: Reason) -> dict[str, Any]:
    """Data for a reason: the code of `why`, with the data of `why`. If that code is not a known
    one, as in older runs, the text of `why`.
    """
    return {"cause": why.code, **(why.data if why.code in _CAUSES else {"why": why.text})}


def _steps_failed(plan: Plan, history: History) -> Iterator[Reason]:
    done = {each.step: each for each in history.of(StepDone)}
    missed = missed_places(history)
    for step in plan.steps:
        if (event := done.get(step.name)) is not None:
            if not event.ok:
                yield STEP_FAILED(step=step.name, error=event.error)
        elif step.place not in missed:
            yield STEP_NOT_DONE(step=step.name)
