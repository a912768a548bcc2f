"""When a run waits in vain, because the health contract does not fit what the app answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rigs.cell_histories import boot, cell, topology

from chaoslab.behaviour.described import described
from chaoslab.behaviour.steady import problem_of
from chaoslab.expectations import Serves, Starts
from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    FaultRequested,
    HealthSample,
    RunEnded,
)
from chaoslab.history.journal import History
from chaoslab.matrix.plans import plan_of
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.reason import Reason
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import in_vain

SHOP = topology()
START = resolve(Plan(name="p", boots=(Boot(app="web"),), expect=(Starts(app="web"),)), SHOP)
WHY = """health answered 200 {"state":"UP"} without a word at 'status'; did you mean "state"?"""
LISTENS = boot(0.5, listens_s=1.0)


def answers(
    start_s: float, end_s: float, *, code: int | None = 200, word: str | None = None
) -> list[AnyEvent]:
    """Answers of health, one every 0.5 s, that are not healthy."""
    return [
        HealthSample(
            at_s=start_s + 0.5 * number,
            app="web",
            boot=1,
            took_s=0.01,
            state=HealthState.UNHEALTHY,
            status_code=code,
            word=word,
            error=None if word or code != 200 else WHY,
        )
        for number in range(round((end_s - start_s) / 0.5))
    ]


def vain(*groups: list[AnyEvent], plan: Plan = START) -> Reason | None:
    events = sorted((e for group in groups for e in group), key=lambda e: e.at_s)
    return in_vain(plan, History(tuple(events)), SHOP)


def test_a_field_that_no_answer_has_ends_the_wait() -> None:
    """After a sixth of the time for a start-up, 30 s; the reason has the body and the fix."""
    assert vain(LISTENS, answers(1.0, 5.5)) is None
    why = vain(LISTENS, answers(1.0, 7.0))
    assert why is not None
    assert why.code == "health.misread"
    assert WHY in why.text
    assert "12 such answers in 5.5 s" in why.text


def test_a_word_that_the_contract_does_not_have_does_so_too() -> None:
    """A word that it has, such as `starting`, does not."""
    why = vain(LISTENS, answers(1.0, 7.0, word="GREEN"))
    assert why is not None
    assert "does not have the word 'GREEN'" in why.text
    assert vain(LISTENS, answers(1.0, 9.0, word="starting")) is None


@pytest.mark.parametrize(
    "other",
    [
        answers(3.0, 3.5, code=503),
        answers(3.0, 3.5, word="down"),
        boot(0.5, complete_s=3.0)[1:],
        [FaultRequested(at_s=2.0, fault="cut", links=())],
    ],
    ids=["an error", "a known word", "a complete start", "a fault"],
)
def test_an_app_that_may_warm_up_is_waited_for(other: list[AnyEvent]) -> None:
    """One answer that the contract reads, or a fault, and nothing is known of the contract."""
    assert vain(LISTENS, answers(1.0, 3.0), other, answers(3.5, 9.0)) is None


def test_no_answers_and_few_answers_show_nothing() -> None:
    """An app that is asked rarely, or does not answer."""
    assert vain(LISTENS) is None
    assert vain(LISTENS, answers(1.0, 9.0)[::6]) is None
    assert vain(LISTENS, answers(1.0, 9.0, code=None)) is None


def test_only_answers_after_the_heal_count() -> None:
    """Under a fault the app may answer anything."""
    over: list[AnyEvent] = [
        FaultRequested(at_s=0.2, fault="cut", links=()),
        FaultHealed(at_s=4.0, fault="cut"),
    ]
    assert vain(LISTENS, over, answers(1.0, 9.0)) is None
    assert vain(LISTENS, over, answers(1.0, 10.0)) is not None


def test_a_run_that_needs_no_start_up_goes_on() -> None:
    """Requests may be served whatever health answers."""
    serves = replace(START, expect=(Serves(app="web"),))
    assert vain(LISTENS, answers(1.0, 9.0), plan=serves) is None


def test_the_mistake_is_the_first_reason_of_each_verdict() -> None:
    """It is no failure of the app: nobody knows whether it is healthy."""
    events = (*LISTENS, *answers(1.0, 7.0))
    cause = vain([*events])
    assert cause is not None
    over = RunEnded(at_s=7.1, settled=False, why=str(cause), cause=cause)
    (verdict,) = judge(SHOP, START, History((*events, over)))
    assert verdict.outcome == "UNKNOWN"
    assert verdict.because[0] == cause


def test_chaoslab_run_names_the_mistake_of_the_steady_state() -> None:
    """The plan of the steady state waits in vain, and the fix is in the topology."""
    of = cell("none")
    plan = resolve(plan_of(of, SHOP), SHOP)
    events = [*LISTENS, *answers(1.0, 7.0)]
    cause = vain(events, plan=plan)
    assert cause is not None
    history = History((*events, RunEnded(at_s=7.1, settled=False, why="", cause=cause)))
    found = problem_of(described(of, SHOP, plan, history), SHOP.apps["web"], history)
    assert found is not None
    assert WHY in str(found.because[0])
    assert found.fix == "compare [apps.web.health] with what /healthcheck answers"
