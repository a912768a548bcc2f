"""The rules that stop a gate, on histories: those that must fire, and those that must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from verdicts.events import UNREACHABLE, exited, samples, spawned, write, writes
from verdicts.histories import history_of
from verdicts.plans import TOPOLOGY, plan_of

from chaoslab.expectations import Expectation, FailsFast, Starts
from chaoslab.gate.result import Abort, ScenarioOutcome, ScenarioResult
from chaoslab.gate.rules import SavedRun, broken_rule
from chaoslab.history.events import AnyEvent, AppStarved, Bound, FirstAnswer, RunEnded
from chaoslab.model.gate import AbortRule, Gate, GateStage, SlowRule
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Reason

ENDED = RunEnded(at_s=6.0, settled=True, why="settled")
BOUND = Bound(at_s=0.9, app="backend", boot=1)
SILENT = [spawned(0.4), BOUND, *samples(0.9, 5.0, UNREACHABLE), ENDED]
GATE = Gate(stages=(), slow=SlowRule(responses_s=0.5, for_s=1.0))


def verdict(outcome: Outcome, name: str = "starts") -> Verdict:
    why = Reason(code="app.never_ready", text="it did not")
    return Verdict(name=name, outcome=outcome, claim="it starts", because=(why,))


def scenario(outcome: ScenarioOutcome, *verdicts: Verdict) -> ScenarioResult:
    return ScenarioResult(scenario="s", nodeid="s", outcome=outcome, verdicts=verdicts)


FAILED = scenario("FAIL", verdict(Outcome.FAIL, "recovers"))


def found(
    rule: AbortRule,
    result: ScenarioResult,
    events: Sequence[AnyEvent] = (),
    *expect: Expectation,
) -> Abort | None:
    stage = GateStage(name="s", marker="m", pass_rate=1.0, abort_on=(rule,))
    plan = plan_of(*(expect or (Starts(mode="normal"),)), faults=())
    run = SavedRun(topology=TOPOLOGY, plan=plan, history=history_of(events))
    return broken_rule(stage, GATE, result, (run,))


@pytest.mark.parametrize(
    ("result", "fires"),
    [
        (scenario("FAIL", verdict(Outcome.PASS, "degrades"), verdict(Outcome.FAIL)), True),
        (scenario("FAIL", verdict(Outcome.FAIL, "keeps_acknowledged")), True),
        (scenario("FAIL", verdict(Outcome.FAIL, "recovers")), False),
        (scenario("UNKNOWN", verdict(Outcome.UNKNOWN)), False),
        (scenario("FAIL"), False),
    ],
)
def test_p1_is_a_failed_verdict_of_that_severity(result: ScenarioResult, fires: bool) -> None:
    """Not an UNKNOWN one, and not any other."""
    abort = found("p1", result)
    assert (abort is not None) is fires
    if abort is not None:
        assert "failed: it did not" in abort.why


def test_an_app_that_never_answered_was_unreachable() -> None:
    """Somebody asked beyond the end of its start-up's time (3 s after the spawn at 0.4)."""
    abort = found("unreachable", FAILED, SILENT)
    assert abort == Abort(
        cause="unreachable",
        why="s: backend was unreachable: no HTTP answer in the 3 s of its start-up",
    )


def test_an_app_that_never_listened_was_unreachable() -> None:
    """Nobody can ask it; the kernel shows no listener."""
    assert found("unreachable", FAILED, [spawned(0.4), ENDED]) is not None


def test_an_app_that_ended_by_itself_without_an_answer_was_unreachable() -> None:
    """However soon."""
    events = [spawned(0.4), exited(0.9, code=3, asked=False), ENDED]
    abort = found("unreachable", FAILED, events)
    assert abort is not None
    assert "exit code 3" in abort.why


@pytest.mark.parametrize(
    "events",
    [
        [*SILENT, FirstAnswer(at_s=5.5, app="backend", boot=1, status_code=503)],
        [*SILENT, write(2.0, "w", "failed", code=503)],
        [spawned(0.4), BOUND, *samples(0.9, 2.0, UNREACHABLE), replace(ENDED, at_s=2.0)],
        [spawned(0.4), BOUND, *samples(0.9, 2.0, UNREACHABLE), exited(2.1), ENDED],
        [spawned(0.4), BOUND, *samples(0.9, 2.0, UNREACHABLE), ENDED],
        [replace(spawned(0.4), standing=True), ENDED],
        [ENDED],
    ],
    ids=["503", "write", "cut short", "stopped", "not asked", "attached", "not spawned"],
)
def test_an_app_that_is_not_shown_to_be_unreachable_is_not_called_so(
    events: list[AnyEvent],
) -> None:
    """It answered something, or nobody looked until its time was up."""
    assert found("unreachable", FAILED, events) is None


def test_an_app_that_is_meant_to_end_is_not_called_unreachable() -> None:
    """A fail-fast start answers nothing, as it should."""
    events = [spawned(0.4), exited(0.9, code=3, asked=False), ENDED]
    assert found("unreachable", FAILED, events, FailsFast(naming=("redis",))) is None


def test_what_the_judge_does_not_call_a_failure_is_not_unreachable() -> None:
    """A starved machine makes it UNKNOWN; no rule fires on that."""
    unknown = scenario("UNKNOWN", verdict(Outcome.UNKNOWN))
    assert found("unreachable", unknown, SILENT) is None


SLOW = writes(1.0, 2.0, took_s=0.6)  # sent from 1.0 to 1.95: slow from 1.0 to 2.55


def test_answers_that_stay_slow_are_slow() -> None:
    """Whatever the scenario came to: users see it."""
    for result in (FAILED, scenario("PASS", verdict(Outcome.PASS))):
        abort = found("slow", result, [*writes(0.0, 1.0), *SLOW, ENDED])
        assert abort is not None
        assert "answers to backend took longer than 0.5 s for 1.5 s" in abort.why


@pytest.mark.parametrize(
    "events",
    [
        writes(0.0, 3.0, took_s=0.4),
        [*writes(1.0, 1.3, took_s=0.6), *writes(1.3, 1.6), *writes(1.6, 1.9, took_s=0.6)],
        [*writes(1.0, 1.5, took_s=0.6), write(1.51, "f", "failed", code=503), *SLOW[10:]],
        [replace(each, purpose="proof") for each in SLOW],
        [*SLOW, AppStarved(at_s=1.5, app="backend", boot=1, waited_s=0.4, over_s=0.5)],
        [],
    ],
    ids=["fast", "in turns", "a quick refusal", "proofs", "starved", "no writes"],
)
def test_answers_that_are_not_slow_throughout_are_not_slow(events: list[AnyEvent]) -> None:
    """One quick answer, of any kind, ends the row; a starved app's answers are not its own."""
    assert found("slow", FAILED, [*events, ENDED]) is None


def test_a_scenario_that_is_unknown_is_not_slow() -> None:
    """An UNKNOWN scenario breaks no rule."""
    assert found("slow", scenario("UNKNOWN", verdict(Outcome.UNKNOWN)), [*SLOW, ENDED]) is None
