"""Recovery: healthy, stable and proved within its bound, by the process that was there before."""

from __future__ import annotations

import pytest

from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultMissed,
    HealthSample,
    ReadBack,
    Request,
    RunEnded,
)
from chaoslab.model.health import HealthState
from chaoslab.reason import Reason

from .events import (
    DEGRADED,
    HEALTHY,
    UNREACHABLE,
    back,
    ended,
    exited,
    of,
    sample,
    samples,
    spawned,
    without,
    write,
)
from .histories import good
from .plans import BOTH, OUTAGE
from .reading import codes, data
from .recovering import after, recovered, why


def test_healthy_stable_and_proved_passes() -> None:
    """Healthy 0.4 s after the heal, watched for 0.65 s, the write found in the database."""
    verdict = recovered(good())
    assert verdict.outcome == "PASS"
    assert "healthy 0.390 s after the heal at 3.020 s, process 101" in why(verdict)
    assert codes(verdict) == ["recovery.healthy", "recovery.stayed_healthy", "proof.found"]
    assert data(verdict, "proof.found") == {"op": "proof-1", "service": "postgres"}


@pytest.mark.parametrize("state", [DEGRADED, UNREACHABLE])
def test_recovered_until_the_next_blip_is_not_stable(state: HealthState) -> None:
    """After the last blip health was watched for 0.1 s only."""
    assert recovered([*good(), sample(3.96, state)]).outcome == "UNKNOWN"


def test_a_blip_after_which_the_bound_has_passed_fails() -> None:
    """Healthy at last 2.1 s after the heal, where 2 s were allowed."""
    events = after(3.4, *samples(3.4, 5.1, HEALTHY), *samples(5.15, 6.0, HEALTHY))
    events = [e for e in events if e.kind not in ("exited", "run_ended")]
    events += [sample(5.11, DEGRADED), exited(6.1), ended(6.2)]
    verdict = recovered(events)
    assert (verdict.outcome, codes(verdict)[1]) == ("FAIL", "bound.missed")


def test_samples_sent_before_the_heal_do_not_count_as_recovered() -> None:
    """Asked at 2.9, answered healthy at 3.3: the answer may be older than the heal."""
    early = [sample(2.9 + i / 100, HEALTHY, took_s=0.6) for i in range(9)]
    events = after(2.9, *early)
    assert recovered(events).outcome != "PASS"


def test_an_app_that_stays_degraded_fails_once_the_bound_has_passed() -> None:
    """Watched for 2.2 s it is a failure, for 1 s it is unknown."""
    long = [
        *without(after(3.0), lambda e: e.kind in ("exited", "run_ended")),
        *samples(3.0, 5.2, DEGRADED, *BOTH),
    ]
    assert recovered([*long, exited(5.2), ended(5.3)]).outcome == "FAIL"
    assert recovered(after(3.0, *samples(3.0, 4.0, DEGRADED, *BOTH))).outcome == "UNKNOWN"


def test_one_slow_healthy_answer_is_no_failure() -> None:
    """It was written last and sent in the middle: the newest sample is the one sent last."""
    assert recovered([*good(), sample(3.42, HEALTHY, took_s=0.73)]).outcome == "PASS"


def test_overlapping_samples_count_in_the_order_in_which_they_were_sent() -> None:
    """A degraded answer that arrives late, to a question from before the app healed."""
    assert recovered([*good(), sample(3.38, DEGRADED, *BOTH, took_s=0.3)]).outcome == "PASS"


def test_a_second_process_is_not_a_recovery() -> None:
    """The first one ended; or the second was spawned only after the heal."""
    crashed = [*without(good(), of(type(exited(0)))), exited(3.2, code=1, asked=False)]
    assert recovered(crashed).outcome == "FAIL"
    assert data(recovered(crashed), "recovery.exited") == {"pid": 101, "after_s": 0.18}
    again = [*good(), spawned(3.1, boot=2), *samples(3.2, 4.1, HEALTHY, boot=2)]
    assert recovered(again, boot=2).outcome == "UNKNOWN"


def test_an_exit_before_the_heal_is_reported_as_such() -> None:
    """At 2.9, where the heal was at 3.02."""
    crashed = [*without(after(2.9), of(Exited)), exited(2.9, code=3, asked=False)]
    verdict = recovered(crashed)
    assert (verdict.outcome, codes(verdict)) == ("FAIL", ["app.exited", "recovery.exited"])
    assert "it was process 101, 0.120 s before the heal" in why(verdict)


def test_the_proof_must_be_acknowledged_by_the_very_process_that_recovered() -> None:
    """Another app's write, one before the heal, and one after its end prove nothing. Refused to the
    end of the bound is a failure; a run that ended before does not know.
    """
    bare = without(good(), of(Request, ReadBack))
    found = [back(4.15, "w")]
    for proof in (
        write(3.42, "w", purpose="proof", app="auth"),
        write(2.5, "w", purpose="proof"),
        write(4.21, "w", purpose="proof"),
        write(3.42, "w", purpose="load"),
    ):
        assert recovered([*bare, proof, *found]).outcome == "UNKNOWN"
    watched = [*without(bare, of(Exited, RunEnded)), exited(5.3), ended(5.4)]
    for proof in (
        write(3.42, "w", "failed", purpose="proof", code=503),
        write(3.42, "w", "indeterminate", purpose="proof", code=None),
    ):
        assert recovered([*bare, proof, *found]).outcome == "UNKNOWN"
        assert recovered([*watched, proof, *found]).outcome == "FAIL"
    assert recovered([*bare, write(3.42, "w", purpose="proof"), *found]).outcome == "PASS"


def test_a_proof_that_was_not_looked_up_after_it_is_unknown() -> None:
    """Never looked up, or only before it was acknowledged."""
    bare = without(good(), of(ReadBack))
    assert recovered(bare).outcome == "UNKNOWN"
    assert recovered([*bare, back(3.3, "proof-1")]).outcome == "UNKNOWN"
    assert recovered([*bare, back(3.5, "another")]).outcome == "UNKNOWN"


def test_a_proof_that_is_missing_in_the_database_fails() -> None:
    """Found at first and gone at the last look."""
    bare = without(good(), of(ReadBack))
    gone = back(4.15, missing=("proof-1",))
    assert recovered([*bare, gone]).outcome == "FAIL"
    assert recovered([*bare, back(3.5, "proof-1"), gone]).outcome == "FAIL"


def test_an_app_without_writes_recovers_by_its_health_and_says_so() -> None:
    """The plan asks for no proof."""
    verdict = recovered(without(good(), of(Request, ReadBack)), proved=False)
    assert (verdict.outcome, codes(verdict)[-1]) == ("PASS", "recovery.by_health")


def test_two_answers_are_not_a_while() -> None:
    """One at the start and one at the end of the stable time leave everything between unseen."""
    assert recovered(after(3.4, sample(3.4, HEALTHY), sample(3.9, HEALTHY))).outcome == "UNKNOWN"


def asked(*times: HealthSample, end_s: float = 6.0) -> list[AnyEvent]:
    """The good run with these samples alone after the heal, ended by the lab at `end_s`."""
    events = [e for e in after(3.0, *times) if e.kind not in ("exited", "run_ended")]
    return [*events, exited(end_s), ended(end_s + 0.1)]


def test_nobody_who_asks_after_the_heal_is_no_failure() -> None:
    """Quiet to the end, or from before the bound on: the app may have been well all along."""
    assert recovered(asked()).outcome == "UNKNOWN"
    assert recovered(asked(*samples(3.05, 3.3, DEGRADED, *BOTH))).outcome == "UNKNOWN"
    assert recovered(asked(*samples(3.05, 5.1, DEGRADED, *BOTH))).outcome == "FAIL"


def test_late_is_only_what_was_asked_before() -> None:
    """Healthy at the first question, after a pause over the bound, may have been so long before."""
    late = samples(5.2, 5.9, HEALTHY)
    assert recovered(asked(*late)).outcome == "UNKNOWN"
    assert recovered(asked(*samples(3.05, 3.5, DEGRADED), *late)).outcome == "UNKNOWN"
    assert recovered(asked(*samples(3.05, 5.2, DEGRADED), *late)).outcome == "FAIL"


def test_a_pause_in_the_asking_is_not_stable() -> None:
    """Three answers round a quiet second; a pause after the stable time is as good as the end."""
    quiet = [*samples(3.1, 3.2, HEALTHY), *samples(4.4, 4.6, HEALTHY)]
    verdict = recovered(asked(*quiet))
    assert (verdict.outcome, codes(verdict)[1]) == ("UNKNOWN", "health.not_asked")
    assert data(verdict, "health.not_asked") == {"start_s": 3.16, "end_s": 4.4}
    later = [*samples(3.1, 3.6, HEALTHY), *samples(4.8, 5.0, HEALTHY)]
    assert recovered(asked(*later)).outcome == "PASS"


def test_without_a_heal_or_with_a_fault_that_stayed_it_is_unknown() -> None:
    """There is nothing to recover from."""
    assert recovered(without(good(), of(FaultHealed))).outcome == "UNKNOWN"
    stuck = FaultMissed(at_s=3.1, fault=OUTAGE, why=Reason(code="text", text="could not be healed"))
    assert recovered([*good(), stuck]).outcome == "UNKNOWN"


def test_a_bound_that_passed_between_two_questions_is_not_called_late() -> None:
    """Healthy at 2.5, degraded at 3.4 and due at 3.0, with no request between."""
    rare = [sample(3.7, DEGRADED, "redis"), *samples(5.2, 6.0, HEALTHY)]
    verdict = recovered(asked(*rare, end_s=6.1))
    assert verdict.outcome == "UNKNOWN"
    between = "health was not asked from 3.710 to 5.200 s, and the bound was at 5.020 s"
    assert between in why(verdict)


def test_a_question_without_an_answer_at_the_bound_is_a_late_recovery() -> None:
    """Asked at 4.5 and given up at 5.5: whoever asked knows that nothing was answered at 5.02."""
    hung = [
        *samples(3.05, 4.5, DEGRADED, "redis"),
        sample(4.5, UNREACHABLE, took_s=1.0),
        *samples(5.52, 6.3, HEALTHY),
    ]
    verdict = recovered(asked(*hung, end_s=6.4))
    assert (verdict.outcome, codes(verdict)[1]) == ("FAIL", "bound.missed")


def test_a_question_that_hangs_is_no_pause() -> None:
    """One answer of 0.9 s in the stable time: the app was asked all the while."""
    slow = [
        *samples(3.1, 3.2, HEALTHY),
        sample(3.2, HEALTHY, took_s=0.9),
        *samples(4.12, 4.3, HEALTHY),
    ]
    assert recovered(asked(*slow)).outcome == "PASS"
