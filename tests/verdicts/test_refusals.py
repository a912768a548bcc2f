"""Error responses to writes: 503 with Retry-After, and nothing else of 500 or more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import Stopped
from chaoslab.expectations import KeepsAcknowledged, RefusesHonestly
from chaoslab.history.events import AnyEvent, HealthTurned, Request
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.settled import unsettled

from .events import HEALTHY, back, ended, fault, without, write, writes, written_s
from .histories import healthy_run, history_of, judged, run_of, stopped_under_load
from .plans import LOAD, TOPOLOGY, plan_of

DOWN = Stopped(target="postgres")


def refused(*events: AnyEvent, at_least: int = 1, end: bool = True) -> Verdict:
    e = RefusesHonestly(app="backend", request="write", at_least=at_least)
    last = (ended(9.0),) if end else ()
    return e.judged(run_of([*events, *last]))


def polite(at_s: float, op: str) -> Request:
    return write(at_s, op, "failed", code=503, retry_after=True)


def test_a_503_with_retry_after_passes() -> None:
    """What was acknowledged, and what got no answer, is no error response."""
    unanswered = write(1.2, "c", "indeterminate", code=None)
    verdict = refused(write(1.0, "a"), polite(1.1, "b"), unanswered)
    assert verdict.outcome == "PASS"
    assert "1 writes were answered 503 with Retry-After" in verdict.texts[0]


def test_a_503_without_retry_after_fails() -> None:
    """Who cannot keep a write must say when to come again."""
    verdict = refused(polite(1.1, "b"), write(1.2, "c", "failed", code=503))
    assert verdict.outcome == "FAIL"
    assert verdict.texts == (
        "1 of 2 error responses are not 503 with Retry-After",
        "at 1.200 s: 503 (without Retry-After)",
    )


@pytest.mark.parametrize("code", [500, 502, 504])
def test_an_error_of_the_servers_that_is_no_503_fails_in_its_own_words(code: int) -> None:
    """Retry-After does not make it right; a 4xx is the writer's own doing."""
    said = replace(write(1.1, "b", "indeterminate", code=code, retry_after=True), answer="oops")
    verdict = refused(polite(1.0, "a"), said)
    assert (verdict.outcome, verdict.texts[1]) == (
        "FAIL",
        f"at 1.100 s: {code}: oops (expected 503)",
    )
    assert refused(polite(1.0, "a"), write(1.1, "b", "failed", code=422)).outcome == "PASS"


def test_where_nothing_was_refused_nothing_is_known_of_refusals() -> None:
    """Unless none is accepted by name."""
    assert refused(write(1.0, "a")).outcome == "UNKNOWN"
    assert refused(write(1.0, "a"), at_least=0).outcome == "PASS"


def test_a_run_that_was_cut_short_shows_no_honesty() -> None:
    """The next answer might have been a 500."""
    assert refused(polite(1.0, "a"), end=False).outcome == "UNKNOWN"
    broken_off = [polite(1.0, "a"), ended(9.0, settled=False)]
    assert refused(*broken_off, end=False).outcome == "UNKNOWN"


def test_a_loss_and_a_wrong_answer_are_two_verdicts() -> None:
    """Each fails for itself, and not for the other."""
    rude = write(3.33, "rude", "indeterminate", code=500)
    run = [*stopped_under_load(), rude]
    lost = [*without(stopped_under_load(), lambda e: e.kind == "read_back")]
    lost.append(back(7.05, missing=tuple(w.op for w in lost if isinstance(w, Request))))
    expected = (KeepsAcknowledged(), RefusesHonestly())
    outcomes = [
        [v.outcome.value for v in judged(events, *expected, faults=(DOWN,), load=(LOAD,))]
        for events in (stopped_under_load(), run, lost)
    ]
    assert outcomes == [["PASS", "PASS"], ["PASS", "FAIL"], ["FAIL", "PASS"]]


def test_refusals_are_waited_for_while_they_may_come() -> None:
    """Two seconds after the fault was in force at 4.0 nobody had refused anything: over."""
    turned = HealthTurned(at_s=1.0, app="backend", boot=1, state=HEALTHY)
    served = [turned, *healthy_run(7.0), *writes(1.1, 7.0)]
    run = [*served, *fault("stopped:postgres", 3.9, 4.0, 4.5, 4.6)]
    plan = plan_of(RefusesHonestly(), faults=(DOWN,), load=(LOAD,))

    def waits(at_s: float, *more: AnyEvent) -> str | None:
        known = [e for e in (*run, *more) if written_s(e) <= at_s]
        return unsettled(plan, history_of(known), at_s, TOPOLOGY)

    assert waits(4.55) == "the heal of stopped:postgres"
    assert waits(4.7) == "1 more refused writes"
    assert waits(4.7, polite(4.52, "r")) is None
    assert waits(6.2) is None
