"""Serving: every write since ready, away from faults; a hiccup of the machine is no failure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import Stopped
from chaoslab.expectations import Serves
from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    FaultInForce,
    FaultRequested,
    Ready,
    Request,
    RunEnded,
)
from chaoslab.model.verdict import Verdict
from chaoslab.model.when import AtMoment

from .events import ended, exited, of, ready, without, write, writes
from .histories import healthy_run, judged, run_of, served_again, stopped_under_load
from .plans import LOAD, plan_of


def served(events: list[AnyEvent], *, at_least: int = 10) -> Verdict:
    e = Serves(app="backend", request="write", at_least=at_least)
    return e.judged(run_of(events, plan_of(e, faults=())))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def steady(*instead: Request) -> list[AnyEvent]:
    """A good day: ready at 1.02, writes from 1.1 to 2.9, the app stopped at 3.1; `instead` stands
    in the place of the writes sent at the same times.
    """
    taken = {w.at_s for w in instead}
    usual = [w for w in writes(1.1, 2.9) if w.at_s not in taken]
    return [*healthy_run(3.0), *usual, *instead, exited(3.1), ended(3.2)]


def test_every_write_served_passes() -> None:
    """All 36, and the slowest is told."""
    verdict = served(steady())
    assert (verdict.outcome, "all 36 writes acknowledged" in why(verdict)) == ("PASS", True)


def test_a_refused_write_on_a_good_day_fails_in_the_apps_own_words() -> None:
    """One of 36 is enough, and what it was told stands in the reasons."""
    said = 'pool is closed: {"detail": "the pool has been closed"}'
    verdict = served(steady(replace(write(2.0, "x", "indeterminate", code=500), answer=said)))
    assert verdict.outcome == "FAIL"
    assert "1 of 36 writes were not acknowledged" in why(verdict)
    assert f"the first at 2.000 s: 500: {said}" in why(verdict)


def test_a_write_without_an_answer_fails() -> None:
    """Its error is quoted in the place of a status."""
    unanswered = replace(
        write(2.0, "x", "indeterminate", code=None, took_s=0.5), error="ReadTimeout"
    )
    verdict = served(steady(unanswered))
    assert (verdict.outcome, "ReadTimeout" in why(verdict)) == ("FAIL", True)


def test_a_hiccup_that_meets_every_write_on_its_way_counts_once() -> None:
    """Sixteen writes late at one moment are one; the reasons count them."""
    late = [replace(w, took_s=3.0 - w.at_s) for w in writes(1.2, 2.0)]
    verdict = served(steady(*late))
    assert (verdict.outcome, "16 of them late" in why(verdict)) == ("PASS", True)


def test_three_late_writes_one_after_another_fail() -> None:
    """None was on its way together with another; with one in time between them they are two."""
    late = [write(at_s, f"late{at_s}", took_s=1.2) for at_s in (3.0, 4.3, 5.6)]
    run = [*healthy_run(8.0), *writes(1.1, 2.9), *late, exited(8.1), ended(8.2)]
    verdict = served(run)
    assert (verdict.outcome, "one after another" in why(verdict)) == ("FAIL", True)
    assert served([*run, write(4.25, "in time")]).outcome == "PASS"


def test_an_app_that_never_said_ready_promised_nothing() -> None:
    """Its start-up is judged elsewhere."""
    verdict = served(without(steady(), of(Ready)))
    assert (verdict.outcome, why(verdict)) == ("UNKNOWN", "the app was never observed ready")


def test_writes_before_ready_are_not_counted() -> None:
    """Refused at 1.1, and ready from 1.5 on."""
    early = write(1.1, "early", "failed", code=503)
    assert served(steady(early)).outcome == "FAIL"
    late = [*without(steady(early), of(Ready)), ready(1.5)]
    assert served(late).outcome == "PASS"


def test_too_few_writes_are_unknown() -> None:
    """A load that never came shows nothing."""
    assert served(steady(), at_least=37).outcome == "UNKNOWN"
    assert served(without(steady(), of(Request))).outcome == "UNKNOWN"


def test_what_is_refused_near_a_fault_is_the_faults() -> None:
    """52 writes were refused while Postgres was away, or within the app's time to recover."""
    run = served_again()
    assert served(run).outcome == "PASS"
    recovering = write(6.5, "late", "failed", code=503)
    assert served([*run, recovering]).outcome == "PASS"
    afterwards = write(6.65, "late", "failed", code=503)
    assert served([*run, afterwards]).outcome == "FAIL"


def test_a_write_under_way_when_the_fault_comes_is_the_faults() -> None:
    """Sent before it, and answered in it."""
    early = write(2.3, "early", "failed", code=503, took_s=0.2)
    assert served([*served_again(), early]).outcome == "PASS"
    assert served([*served_again(), replace(early, took_s=0.05)]).outcome == "FAIL"


def test_a_fault_that_never_heals_shows_nothing_of_the_time_after_it() -> None:
    """The 26 writes before it are counted, and are not enough."""
    verdict = served(without(served_again(), of(FaultHealed)))
    assert verdict.outcome == "UNKNOWN"
    assert "a fault was not healed while the app ran" in why(verdict)
    before = "before the first fault: 26 acknowledged (26 on fresh connections), 0 refused"
    assert before in why(verdict)


def test_what_was_served_before_a_fault_says_nothing_of_the_time_after_it() -> None:
    """31 writes of a good run count; 5 of them came once the app had had its time to recover."""
    verdict = served(stopped_under_load())
    assert verdict.outcome == "UNKNOWN"
    assert (
        "only 5 writes were sent after the last heal and the time to recover, expected 50"
        in why(verdict)
    )


def test_every_second_write_refused_for_ever_fails_with_the_counts() -> None:
    """Before the fault and after it, told apart."""
    verdict = served(served_again(outcome="failed", code=503))
    assert verdict.outcome == "FAIL"
    assert "before the first fault: 26 acknowledged" in why(verdict)
    after = "from 6.600 s on (the last heal and the time to recover): 30 acknowledged"
    assert f"{after} (30 on fresh connections), 25 refused" in why(verdict)


def test_a_write_without_an_answer_is_not_counted_as_refused() -> None:
    """What the reasons count, they call by its name."""
    unanswered = replace(write(8.01, "unanswered", "indeterminate", code=None), error="ReadTimeout")
    verdict = served([*served_again(), unanswered])
    assert (verdict.outcome, "0 refused, 1 without an answer" in why(verdict)) == ("FAIL", True)


def test_half_of_the_writes_after_a_heal_must_come_on_fresh_connections() -> None:
    """A kept connection stays with the worker that has recovered."""
    run = served_again()
    kept = [replace(e, fresh=False) if isinstance(e, Request) else e for e in run]
    verdict = served(kept)
    assert verdict.outcome == "UNKNOWN"
    assert "only 0 writes after the last heal were sent on fresh connections, expected 25" in why(
        verdict
    )
    taken = iter(range(1000))
    mixed = [
        replace(e, fresh=next(taken) % 2 == 0) if isinstance(e, Request) and e.at_s > 6.6 else e
        for e in run
    ]
    assert served(mixed).outcome == "PASS"


def test_a_load_that_stops_before_the_heal_is_named() -> None:
    """It stopped with the tenth acknowledged write; nobody wrote afterwards."""
    run = without(served_again(), lambda e: isinstance(e, Request) and e.at_s > 2.0)
    e = Serves(app="backend", request="write")
    load = replace(LOAD, stop=AtMoment(moment="acknowledged", nth=10))
    plan = plan_of(e, faults=(), load=(load,))
    verdict = replace(e, rests_on=()).judged(run_of(run, plan))
    assert verdict.outcome == "UNKNOWN"
    assert "no load ran after the last heal" in why(verdict)
    assert "load[0] stopped at 1.550 s" in why(verdict)


def test_a_fault_after_the_end_of_a_boot_is_not_near_it() -> None:
    """The second boot is judged by its own faults."""
    late = [*steady(), FaultRequested(at_s=3.15, fault="later", links=())]
    assert served(late).outcome == "PASS"


def test_an_armed_fault_that_has_not_fired_yet_may_be_near() -> None:
    """The engine fires it by itself and the lab sees it later: until then nobody knows."""
    run = [*served_again(), write(2.42, "x", "failed", code=503)]
    armed = [replace(e, armed=True) if e.kind == "fault_requested" else e for e in run]
    verdict = served(without(armed, of(FaultInForce)))
    assert "before the first fault: 0 acknowledged" in why(verdict)


@pytest.mark.parametrize("at_s", [3.05, 3.3])
def test_what_the_labs_own_stop_refuses_is_not_the_apps(at_s: float) -> None:
    """Under way when the app was stopped, or sent after it."""
    stopped = write(at_s, "x", "indeterminate", code=None, took_s=0.1)
    assert served([*steady(), stopped]).outcome == "PASS"


def test_a_run_that_was_cut_short_does_not_pass() -> None:
    """The next write might have been refused."""
    assert served(without(steady(), of(RunEnded))).outcome == "UNKNOWN"
    interrupted = [*without(steady(), of(RunEnded)), ended(3.2, settled=False)]
    assert served(interrupted).outcome == "UNKNOWN"


def test_another_boots_writes_are_not_this_ones() -> None:
    """The second boot was never ready."""
    e = Serves(app="backend", request="write", boot=2, at_least=1)
    verdict = e.judged(run_of(steady(), plan_of(e, faults=())))
    assert verdict.outcome == "UNKNOWN"


def test_the_judge_asks_for_no_evidence_on_a_day_without_faults() -> None:
    """Nothing had to meet the app."""
    (verdict,) = judged(steady(), Serves(), faults=(), load=(LOAD,))
    assert (verdict.outcome, verdict.rests_on) == ("PASS", ())
    stopped = (Stopped(target="postgres"),)
    (verdict,) = judged(served_again(), Serves(), faults=stopped, load=(LOAD,))
    assert verdict.outcome == "PASS"
