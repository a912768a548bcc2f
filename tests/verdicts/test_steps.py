"""Steps of the scenario's own: one that failed or did not come makes every PASS UNKNOWN."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.history.events import AnyEvent, RunEnded, StepDone, TriggerMissed
from chaoslab.history.triggers import RUN_ENDED
from chaoslab.model.plan import Plan
from chaoslab.model.steps import Step
from chaoslab.model.verdict import Verdict
from chaoslab.model.when import AtMoment
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled

from .events import of, without
from .histories import good, history_of
from .plans import TOPOLOGY, plan_of

EXITED = AtMoment(moment="exited", within_s=9.0)
NEVER = AtMoment(moment="healthy", nth=9, within_s=9.0)
DONE = StepDone(at_s=4.2, step="flush", took_s=0.1, ok=True)


def plan(at: AtMoment = EXITED) -> Plan:
    return replace(plan_of(), steps=(Step(name="flush", at=at, source="def flush(): ..."),))


def verdicts(*events: AnyEvent) -> tuple[Verdict, ...]:
    return judge(TOPOLOGY, plan(), history_of([*good(), *events]))


def test_a_step_that_is_done_changes_no_verdict() -> None:
    """It only happened."""
    assert {v.outcome.value for v in verdicts(DONE)} == {"PASS"}


def test_a_step_that_failed_makes_every_pass_unknown_with_its_error() -> None:
    """The run was another than the plan asks for."""
    for verdict in verdicts(replace(DONE, ok=False, error="ValueError: no cache")):
        assert verdict.outcome == "UNKNOWN"
        assert verdict.because[0].code == "plan.step_failed"
        assert "step 'flush' failed: ValueError: no cache" in verdict.because[0].text


def test_a_step_that_was_not_over_makes_every_pass_unknown() -> None:
    """A history of which nobody knows whether it was carried out."""
    assert {v.because[0].code for v in verdicts()} == {"plan.step_not_done"}


def test_a_step_whose_moment_did_not_come_is_named_by_the_trigger() -> None:
    """It is listed once, and not also as a step that was not done."""
    missed = TriggerMissed(at_s=6.0, place="steps[flush].at", moment=NEVER, why=RUN_ENDED())
    for verdict in verdicts(missed):
        codes = [reason.code for reason in verdict.because]
        assert verdict.outcome == "UNKNOWN"
        assert codes[0] == "plan.not_carried_out"
        assert "plan.step_not_done" not in codes


def test_a_run_waits_for_a_step_that_is_due_though_no_app_is_left() -> None:
    """A step after the app's exit is carried out."""
    events = without(good(), of(RunEnded))
    assert unsettled(plan(), history_of(events), 60.0, TOPOLOGY) == "the step flush"
    assert unsettled(plan(), history_of([*events, DONE]), 60.0, TOPOLOGY) is None


def test_a_run_waits_for_no_step_that_is_missed() -> None:
    """The step is recorded as missed."""
    events = without(good(), of(RunEnded))
    missed = TriggerMissed(at_s=6.0, place="steps[flush].at", moment=NEVER, why=RUN_ENDED())
    assert unsettled(plan(NEVER), history_of([*events, missed]), 60.0, TOPOLOGY) is None
