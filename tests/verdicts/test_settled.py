"""When a run may end: as soon as everything can be judged, and no sooner."""

from __future__ import annotations

from chaoslab.history.events import AnyEvent, FaultHealed, ReadBack, Write
from chaoslab.history.journal import History
from chaoslab.spec.expect import (
    Expectation,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    Recovers,
    Starts,
)
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled

from .histories import (
    HEALTHY,
    OUTAGE,
    TOPOLOGY,
    UNHEALTHY,
    back,
    exited,
    good,
    history_of,
    of,
    outcomes,
    plan_of,
    sample,
    samples,
    spawned,
    without,
    write,
    written_s,
)


def waits(events: list[AnyEvent], at_s: float, *expect: Expectation) -> str | None:
    """What the run waits for at that time, knowing what was written by then."""
    known = [e for e in events if written_s(e) <= at_s and e.kind not in ("exited", "run_ended")]
    return unsettled(plan_of(*expect), history_of(known), at_s)


def test_the_good_run_is_settled_when_its_recovery_is_proved_and_stable() -> None:
    """Not while the fault holds, not before 0.4 s of health, not before the write was found."""
    assert waits(good(), 0.3) == "boot 1 of 1"
    assert waits(good(), 1.0) == f"the heal of {OUTAGE}"
    assert waits(good(), 3.3) == "the recovery of backend"
    assert waits(good(), 3.7) == "the recovery of backend"
    assert waits(good(), 3.9) is None
    assert waits(without(good(), of(ReadBack)), 4.0) == "the recovery of backend"


def test_what_is_settled_can_be_judged() -> None:
    """At the first moment at which nothing is waited for, no verdict lacks time to watch."""
    plan, events = plan_of(), list(history_of(good()).events)
    for count in range(len(events)):
        at_s = written_s(events[count - 1]) if count else 0.0
        if waits(events[:count], at_s) is None:
            judged = judge(TOPOLOGY, plan, History((*events[:count], *events[-2:])))
            assert outcomes(judged) == ["PASS"] * 3
            return
    raise AssertionError("never settled")


def test_a_sample_that_answers_late_does_not_unsettle_it() -> None:
    """The newest sample is the one sent last, not the one written last."""
    late = sample(3.42, HEALTHY, took_s=0.47)
    assert waits([*good(), late], 3.9) is None


def test_another_apps_proof_settles_nothing() -> None:
    """Nor does one from before the heal, nor a look-up of something else."""
    bare = without(good(), of(Write, ReadBack))
    for proof in (
        write(3.42, "w", purpose="proof", app="auth"),
        write(2.9, "w", purpose="proof"),
        write(3.42, "w"),
    ):
        assert waits([*bare, proof, back(3.5, "w")], 4.0) is not None
    proof = write(3.42, "w", purpose="proof")
    assert waits([*bare, proof, back(3.5, "other")], 4.0) is not None
    assert waits([*bare, proof, back(3.5, "w", app="auth")], 4.0) is not None
    assert waits([*bare, proof, back(3.5, "w")], 4.0) is None


def test_nothing_is_waited_for_for_ever() -> None:
    """A recovery that never comes is given up once its bound has passed."""
    sick = [*without(good(), of(Write, ReadBack)), *samples(3.4, 6.0, UNHEALTHY)]
    assert waits(sick, 5.3) == "the recovery of backend"
    assert waits(sick, 5.6) is None


def test_a_start_and_a_fast_failure_are_waited_for_to_their_bound() -> None:
    """3 s after the spawn at 0.4, and a little."""
    starting = [spawned(0.4), *samples(0.45, 4.0, UNHEALTHY), FaultHealed(at_s=0.5, fault=OUTAGE)]
    for e in (Starts(), FailsFast(naming=("postgres",))):
        assert waits(starting, 3.3, e) == "the start-up of backend"
        assert waits(starting, 3.6, e) is None


def test_when_no_process_is_left_nothing_is_waited_for() -> None:
    """It exited by itself, and the plan has no further boot."""
    events = [spawned(0.4), exited(1.0, code=3, asked=False)]
    assert unsettled(plan_of(Starts(), Recovers()), history_of(events), 1.1) is None


def test_writes_are_waited_for_as_long_as_they_come() -> None:
    """One more is asked for; after 2 s without one it is given up."""
    e = KeepsAcknowledged(at_least=2)
    one = [spawned(0.4), FaultHealed(at_s=0.5, fault=OUTAGE), write(1.0, "a")]
    assert waits(one, 2.0, e) == "1 more acknowledged writes"
    assert waits(one, 3.1, e) is None
    assert waits([*one, write(1.5, "b")], 2.0, e) is None
    assert waits([*one, write(1.5, "b", purpose="proof")], 2.0, e) is not None


def test_the_first_request_is_waited_for() -> None:
    """After the heal; one sent before it is not it."""
    e = FirstRequestServed(fault=OUTAGE)
    events = [spawned(0.4), FaultHealed(at_s=2.0, fault=OUTAGE), write(1.9, "a")]
    assert waits(events, 3.0, e) == "the first request after the heal"
    assert waits([*events, write(2.5, "b")], 3.0, e) is None
    assert waits([*events, write(2.5, "b", app="auth")], 3.0, e) is not None
    assert waits(events, 9.1, e) is None
