"""`stops`, and what other claims make of a boot that the plan stops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import (
    Expectation,
    KeepsAcknowledged,
    NoRestarts,
    RefusesHonestly,
    Serves,
    StaysAvailable,
    Stops,
)
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    ReadBack,
    RunEnded,
    StopRequested,
    TriggerMissed,
)
from chaoslab.history.triggers import BOOT_OVER
from chaoslab.model.verdict import Verdict
from chaoslab.model.when import AtMoment
from chaoslab.verdicts.settled import unsettled

from .altered import stopping
from .case import OUT
from .events import (
    DEGRADED,
    ended,
    exited,
    fault,
    of,
    sample,
    sockets,
    spawned,
    without,
    write,
)
from .histories import healthy_run, history_of, judged
from .plans import OUTAGE, PG, TOPOLOGY, plan_of
from .reading import codes
from .starving import waits

STOPS = Stops(within_s=2.0)
KILLED = stopping(13.0, code=-9, killed_after_s=10.0)


def verdict(events: list[AnyEvent], e: Expectation = STOPS) -> Verdict:
    """The verdict of a plan without faults."""
    stops = () if isinstance(e, Stops) else (Stops(within_s=2.0),)
    return judged(events, e, *stops, faults=())[0]


def why(events: list[AnyEvent], e: Expectation = STOPS) -> str:
    return "\n".join(verdict(events, e).texts)


def test_an_app_that_ends_in_time_and_keeps_its_writes_passes() -> None:
    """The reasons have the time of SIGTERM, how long the end took, and the code."""
    assert verdict(stopping()).outcome == "PASS"
    assert "SIGTERM at 3.000 s: the process ended 0.400 s later with 0" in why(stopping())
    assert "all found in the database" in why(stopping())


def test_the_limit_counts_from_sigterm() -> None:
    """Exactly the limit is in time, a little more is not."""
    assert verdict(stopping(5.0)).outcome == "PASS"
    late = verdict(stopping(5.1))
    assert late.outcome == "FAIL"
    assert "bound.missed" in codes(late)


def test_without_a_limit_the_grace_period_of_the_boot_is_the_limit() -> None:
    """The claim names it, and only a kill is later."""
    long = stopping(12.9)
    assert verdict(long, Stops()).outcome == "PASS"
    assert "within 10 s of SIGTERM" in verdict(long, Stops()).claim
    assert verdict(KILLED, Stops()).outcome == "FAIL"


def test_a_kill_fails_with_what_the_app_did_then() -> None:
    """How long it ran, its open connections and its last log lines."""
    held = verdict([*KILLED, sockets(4.0, PG, established=(5001, 5002))])
    assert held.outcome == "FAIL"
    text = "\n".join(held.texts)
    assert "boot 1 of backend still ran 10 s after SIGTERM: the lab sent SIGKILL" in text
    assert f"at its end it had 2 connections open on {PG}" in text
    assert "log: closing" in text


@pytest.mark.parametrize("e", [StaysAvailable(), KeepsAcknowledged(), STOPS])
def test_a_kill_is_named_once_in_every_verdict_of_the_app(e: Expectation) -> None:
    """Also where it changes nothing."""
    assert codes(verdict(KILLED, e)).count("app.killed") == 1
    assert "app.killed" not in codes(verdict(stopping(), e))


def test_a_kill_at_the_runs_end_is_named_too() -> None:
    """The lab gives every app some time there."""
    late = replace(exited(3.1, code=-9), killed_after_s=2.0)
    last = judged([*healthy_run(), late, ended(3.2)], StaysAvailable(), faults=())[0]
    assert last.outcome == "PASS"
    assert "app.killed" in codes(last)


def test_only_the_expected_codes_pass() -> None:
    """A process without a handler is ended by the signal itself, which a claim may accept."""
    by_signal = stopping(code=-15)
    assert verdict(by_signal).outcome == "FAIL"
    assert "expected exit code 0, got -15 (SIGTERM)" in why(by_signal)
    assert verdict(by_signal, Stops(exit_codes=(0, -15))).outcome == "PASS"
    assert verdict(by_signal, Stops(exit_codes=None)).outcome == "PASS"


def test_a_lost_write_fails_though_the_end_is_in_time() -> None:
    """An acknowledgement after SIGTERM is a promise as well."""
    lost = verdict(stopping(lost=True))
    assert lost.outcome == "FAIL"
    assert "write.lost" in codes(lost)


def test_writes_that_were_not_looked_up_leave_it_unknown() -> None:
    """They may be lost."""
    unseen = verdict(without(stopping(), of(ReadBack)))
    assert unseen.outcome == "UNKNOWN"
    assert "write.not_looked_up" in codes(unseen)


def test_an_app_that_was_not_asked_to_stop_is_not_judged() -> None:
    """Its trigger did not occur, it was never spawned, or it ended before."""
    not_asked = without(stopping(), of(StopRequested))
    assert codes(verdict(not_asked))[0] == "stop.not_requested"
    before = [*without(not_asked, of(Exited)), exited(2.9, code=3, asked=False)]
    assert codes(verdict(before))[0] == "stop.ended_before"
    assert codes(verdict([ended(1.0)]))[0] == "app.never_spawned"
    for events in (not_asked, before, [ended(1.0)]):
        assert verdict(events).outcome == "UNKNOWN"


def test_an_interrupted_run_blames_nobody_for_the_end() -> None:
    """The lab stops every app at once then, and gives it less time."""
    cut = without(stopping(4.0, code=-9, killed_after_s=0.5), of(RunEnded))
    assert verdict([*cut, ended(4.2, settled=False)]).outcome == "UNKNOWN"
    assert verdict(without(stopping(), of(Exited, RunEnded))).outcome == "UNKNOWN"


def test_a_late_end_of_an_app_that_waited_for_a_core_is_unknown() -> None:
    """No more late than it waited; with another code or a lost write it is not excused by that."""
    slow = [*stopping(5.3), *waits(3.0, 5.0, 0.3)]
    assert verdict(slow).outcome == "UNKNOWN"
    assert verdict([*stopping(6.3), *waits(3.0, 5.0, 0.3)]).outcome == "FAIL"
    assert verdict([*stopping(lost=True), *waits(3.0, 5.0, 0.9)]).outcome == "FAIL"


def test_a_kill_is_excused_only_if_most_of_the_time_was_lost() -> None:
    """It is not known when the app would have ended."""
    assert verdict([*KILLED, *waits(3.0, 13.0, 0.6)], Stops()).outcome == "UNKNOWN"
    assert verdict([*KILLED, *waits(3.0, 13.0, 0.4)], Stops()).outcome == "FAIL"


def test_the_reasons_name_the_faults_in_force_at_sigterm() -> None:
    """A stop before a fault and one after it are not during it."""

    def then(start_s: float, heal_s: float) -> str:
        lost = fault(OUTAGE, start_s, start_s + 0.01, heal_s, heal_s + 0.02)
        return "\n".join(judged([*stopping(), *lost], STOPS, faults=(OUT,))[0].texts)

    assert f"in force at SIGTERM: {OUTAGE}" in then(2.0, 3.3)
    assert "in force at SIGTERM: no fault" in then(2.0, 2.5)
    assert "in force at SIGTERM: no fault" in then(3.1, 3.3)
    assert "in force at SIGTERM" not in why(stopping())


def test_a_fault_that_was_not_observed_leaves_it_unknown() -> None:
    """What the app did was not done under that fault."""
    lost = fault(OUTAGE, 2.0, 2.01, 3.3, 3.32)
    assert judged([*stopping(), *lost], STOPS, faults=(OUT,))[0].outcome == "UNKNOWN"


# --- other claims about a boot that the plan stops ---

REFUSED = [write(3.1 + 0.05 * n, f"r{n}", "failed", code=500) for n in range(4)]


@pytest.mark.parametrize(
    "e", [StaysAvailable(), Serves(at_least=10), RefusesHonestly(at_least=0)], ids=str
)
def test_answers_after_sigterm_count_for_no_other_claim(e: Expectation) -> None:
    """A platform sends a stopping app no users. The same answers before it do count."""
    bad = [sample(3.05, DEGRADED), *REFUSED]
    earlier = [replace(each, at_s=each.at_s - 0.6) for each in bad]
    claim = replace(e, healthy=True) if isinstance(e, StaysAvailable) else e
    assert verdict([*stopping(), *bad], claim).outcome == "PASS"
    assert verdict([*stopping(), *earlier], claim).outcome == "FAIL"


def test_a_write_that_is_lost_after_sigterm_is_lost() -> None:
    """It was acknowledged."""
    assert verdict(stopping(), KeepsAcknowledged()).outcome == "PASS"
    assert verdict(stopping(lost=True), KeepsAcknowledged()).outcome == "FAIL"


def test_a_stop_is_no_exit_that_a_supervisor_answers() -> None:
    """The lab asked for it, with whatever code it came."""
    supervised = judged(stopping(code=3), NoRestarts(), faults=())[0]
    assert supervised.outcome == "PASS"


# --- when a run may end ---

PLAN = plan_of(STOPS, faults=())
UNTIL_STOP = without(stopping(), of(StopRequested, Exited, ReadBack, RunEnded))
REQUEST = next(e for e in stopping() if isinstance(e, StopRequested))


def waits_for(*events: AnyEvent) -> str | None:
    return unsettled(PLAN, history_of(events), 20.0, TOPOLOGY)


def test_a_run_waits_for_the_stop_and_the_end() -> None:
    """Until the process has ended, or the trigger was missed."""
    assert waits_for(*UNTIL_STOP) == "the stop of backend"
    assert waits_for(*UNTIL_STOP, REQUEST) == "the stop of backend"
    assert waits_for(*UNTIL_STOP, REQUEST, exited(3.4)) is None
    missed = TriggerMissed(
        at_s=3.0,
        place="boots[0].stop",
        moment=AtMoment(moment="exited"),
        why=BOOT_OVER(app="backend"),
    )
    assert waits_for(*UNTIL_STOP, missed) is None


def test_a_stop_of_another_boot_is_not_the_one() -> None:
    """Each boot has its own."""
    second = replace(REQUEST, boot=2, place="boots[1].stop")
    events = [*UNTIL_STOP, spawned(3.2, boot=2), second, exited(3.4, boot=2)]
    assert waits_for(*events) == "the stop of backend"
