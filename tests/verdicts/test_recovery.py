"""Recovery, kept writes and the first request: what proves them, and what only looks like it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import FirstRequestServed, Recovers
from chaoslab.expectations.first_request_served import first_request_served
from chaoslab.expectations.recovers import recovers
from chaoslab.history.events import (
    AnyEvent,
    AppSockets,
    Exited,
    FaultHealed,
    FaultMissed,
    HealthSample,
    LossNamed,
    ProberSample,
    ReadBack,
    Ready,
    RunEnded,
    Write,
)
from chaoslab.model.health import HealthState
from chaoslab.model.verdict import Verdict

from .histories import (
    BOTH,
    DEGRADED,
    HEALTHY,
    OUTAGE,
    PG,
    SAMPLING,
    UNREACHABLE,
    back,
    between,
    canary,
    connection,
    ended,
    exited,
    good,
    healthy_run,
    history_of,
    of,
    ready,
    sample,
    samples,
    sockets,
    spawned,
    without,
    write,
)
from .reading import codes, data


def recovered(events: list[AnyEvent], *, proved: bool = True, boot: int = 1) -> Verdict:
    e = Recovers(app="backend", within_s=2.0, stable_s=0.4, proved=proved, boot=boot)
    return recovers(e, SAMPLING, history_of(events))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def after(start_s: float, *instead: HealthSample) -> list[AnyEvent]:
    """The good run with other samples from `start_s` on."""
    return [*without(good(), between(start_s, 9.0)), *instead]


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
    bare = without(good(), of(Write, ReadBack))
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
    verdict = recovered(without(good(), of(Write, ReadBack)), proved=False)
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
    stuck = FaultMissed(at_s=3.1, fault=OUTAGE, why="could not be healed")
    assert recovered([*good(), stuck]).outcome == "UNKNOWN"


# --- what can explain a late recovery ---


def stuck(*events: AnyEvent) -> Verdict:
    """Degraded from the heal to the end, 2.2 s of it watched, and what else was seen."""
    long = [
        *without(after(3.0), lambda e: e.kind in ("exited", "run_ended")),
        *samples(3.0, 5.2, DEGRADED, *BOTH),
    ]
    return recovered([*long, *events, exited(5.2), ended(5.3)])


def opened(*times_s: float) -> list[AnyEvent]:
    """The app's connections to Postgres as the engine tells them at the end."""
    each = enumerate(times_s, start=1)
    return [connection(PG, 7000 + n, fault="", read_s=5.2, number=n, opened_s=s) for n, s in each]


def test_a_link_that_was_not_tried_is_reported() -> None:
    """The lab's canary is not the app; a connection from before the heal is counted apart."""
    lab = [canary(3.01, PG, "answered", port=41), connection(PG, 41, fault="", opened_s=3.005)]
    verdict = stuck(*lab, *opened(2.9))
    assert verdict.outcome == "FAIL"
    waited = "no connection was tried on backend.postgres for 2.2 s after the heal"
    assert f"{waited} (1 older stayed open)" in why(verdict)


def test_a_link_that_was_tried_is_reported() -> None:
    """From the heal's beginning on; or by the app's own sockets, where no proxy keeps records."""
    tried = "3 connections were tried on backend.postgres after the heal, the first 0.1 s after it"
    assert tried in why(stuck(*opened(3.1, 3.2, 3.9)))
    bare = without(stuck_events(), of(AppSockets))
    ports = [sockets(3.1, PG, syn_sent=(1,)), sockets(3.2, PG, established=(1, 2))]
    seen = recovered([*bare, *ports, sockets(3.9, PG, established=(3,))])
    assert tried.replace("tried", "observed") in why(seen)
    assert "tried" not in why(seen), "looks at the sockets miss what ends between two of them"


def stuck_events() -> list[AnyEvent]:
    long = without(after(3.0), lambda e: e.kind in ("exited", "run_ended"))
    return [*long, *samples(3.0, 5.2, DEGRADED, *BOTH), exited(5.2), ended(5.3)]


def test_a_link_that_was_tried_late_says_how_long_it_was_left() -> None:
    """Healthy too late, because nobody tried before."""
    late = [e for e in after(3.0) if e.kind not in ("exited", "run_ended")]
    late += [*samples(3.0, 6.7, DEGRADED, *BOTH), *samples(6.7, 7.4, HEALTHY), *opened(6.52)]
    verdict = recovered([*late, exited(7.5), ended(7.6)])
    assert (verdict.outcome, codes(verdict)[1]) == ("FAIL", "bound.missed")
    pause = "no connection was tried on backend.postgres for 3.5 s after the heal, then 1"
    assert pause in why(verdict)


def test_what_health_still_names_as_lost_is_reported() -> None:
    """The last that it named; nothing where it took all back."""
    named = LossNamed(at_s=2.0, app="backend", boot=1, lost=BOTH)
    partly = replace(named, at_s=3.4, lost=("postgres",))
    assert "it still names postgres as lost" in why(stuck(named, partly))
    assert "as lost" not in why(stuck(named, replace(named, at_s=3.4, lost=())))


def test_healthy_for_a_moment_only_is_reported() -> None:
    """Healthy at 3.51 for 0.19 s, and degraded to the end."""
    events = [e for e in stuck_events() if not (e.kind == "health_sample" and e.at_s >= 3.5)]
    events += [*samples(3.5, 3.7, HEALTHY), *samples(3.7, 5.2, DEGRADED, *BOTH)]
    verdict = recovered(events)
    assert verdict.outcome == "FAIL"
    assert "healthy 0.490 s after the heal, and degraded again 0.190 s later" in why(verdict)


def test_a_proof_that_is_refused_is_quoted() -> None:
    """In the app's own words."""
    said = '{"detail": "circuit breaker open, next try in 0.9 s"}'
    proof = replace(write(3.42, "w", "failed", purpose="proof", code=503), said=said)
    verdict = recovered([*without(good(), of(Write, ReadBack)), proof])
    assert f"no write was acknowledged (503: {said})" in why(verdict)


# --- the first request after the heal ---


def quiet(*events: AnyEvent) -> list[AnyEvent]:
    """A run in which nobody asks for health from 2.0, a second before the heal at 3.02."""
    return [
        *without(healthy_run(), between(2.0, 9.0)),
        FaultHealed(at_s=3.02, fault="out"),
        *events,
    ]


def first(events: list[AnyEvent]) -> Verdict:
    e = FirstRequestServed(fault="out", app="backend", within_s=1.0)
    return first_request_served(e, history_of(events))


def test_a_first_request_that_is_served_passes() -> None:
    """0.5 s after the heal, 201 in 0.02 s, and nobody was there before."""
    assert first(quiet(write(3.5, "a"), sample(3.6, HEALTHY))).outcome == "PASS"


@pytest.mark.parametrize(
    "request_",
    [
        write(3.5, "a", "failed", code=503),
        write(3.5, "a", "indeterminate", code=None, took_s=2.0),
        write(3.5, "a", took_s=1.2),
    ],
    ids=["refused", "no answer", "too slow"],
)
def test_a_first_request_that_is_not_served_in_time_fails(request_: Write) -> None:
    """The second one's success does not help."""
    assert first(quiet(request_, write(3.6, "b"))).outcome == "FAIL"


@pytest.mark.parametrize(
    "traffic",
    [sample(3.1, HEALTHY), sample(2.9, HEALTHY, took_s=0.2), sample(3.05, UNREACHABLE)],
    ids=["after the heal", "in flight at the heal", "without an answer"],
)
def test_health_traffic_before_the_request_makes_it_unknown(traffic: HealthSample) -> None:
    """It may have woken the stale pool in the user's place."""
    verdict = first(quiet(traffic, write(3.5, "a")))
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "lab.asked_before_write")
    assert data(verdict, "lab.asked_before_write") == {"path": "health", "at_s": traffic.at_s}
    other = replace(traffic, app="auth")
    assert first(quiet(other, write(3.5, "a"))).outcome == "PASS"


def test_a_request_that_is_not_served_is_quoted() -> None:
    """In the app's own words."""
    said = "server closed the connection unexpectedly"
    refused = replace(write(3.5, "a", "indeterminate", code=500), said=said)
    assert f"500: {said}" in why(first(quiet(refused)))


def test_a_prober_of_the_labs_before_the_request_makes_it_unknown() -> None:
    """Readiness may ask the database, and so wake the pool."""
    asked = ProberSample(
        at_s=3.2, app="backend", boot=1, path="ready", took_s=0.01, status_code=200
    )
    assert first(quiet(asked, write(3.5, "a"))).outcome == "UNKNOWN"
    assert first(quiet(replace(asked, at_s=2.9), write(3.5, "a"))).outcome == "PASS"
    assert first(quiet(replace(asked, at_s=3.6), write(3.5, "a"))).outcome == "PASS"


def test_a_write_under_way_at_the_heal_makes_it_unknown() -> None:
    """Sent before the heal and over after it, it woke the pool as a sample would have."""
    early = write(2.8, "b", took_s=0.3)
    verdict = first(quiet(early, write(3.5, "a")))
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "lab.write_at_heal")
    assert first(quiet(replace(early, app="auth"), write(3.5, "a"))).outcome == "PASS"
    assert first(quiet(write(2.8, "b", took_s=0.1), write(3.5, "a"))).outcome == "PASS"


def test_a_lab_that_still_asks_for_readiness_makes_it_unknown() -> None:
    """The boot probe asks until the app is ready; so it asked after the heal."""
    events = without(quiet(write(3.5, "a")), of(Ready))
    verdict = first(events)
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "lab.readiness_asked_at_heal")
    assert first([*events, ready(3.2)]).outcome == "UNKNOWN"
    assert first([*events, ready(2.9)]).outcome == "PASS"


def test_without_a_heal_or_a_request_it_is_unknown() -> None:
    """A request before the heal is not the first after it."""
    assert first(without(quiet(write(3.5, "a")), of(FaultHealed))).outcome == "UNKNOWN"
    assert first(quiet(write(2.9, "a"))).outcome == "UNKNOWN"


def test_a_bound_that_passed_between_two_questions_is_not_called_late() -> None:
    """Health is asked each 1.5 s at the most: it was well at 5.2, and perhaps at 5.02 already."""
    rare = [sample(3.7, DEGRADED, "redis"), *samples(5.2, 6.0, HEALTHY)]
    verdict = recovered(asked(*rare, end_s=6.1))
    assert verdict.outcome == "UNKNOWN"
    between = "nobody asked health from 3.710 to 5.200 s, and the bound was at 5.020 s"
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
