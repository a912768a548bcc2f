"""When a run may end: as soon as everything can be judged, and not before."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.expectations import (
    Expectation,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    Recovers,
    Starts,
    StaysAvailable,
)
from chaoslab.history.events import AnyEvent, FaultHealed, HealthTurned, ReadBack, Request
from chaoslab.history.journal import History
from chaoslab.model.load import Load
from chaoslab.model.when import AtMoment
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled

from .events import (
    HEALTHY,
    UNHEALTHY,
    back,
    complete,
    exited,
    of,
    sample,
    samples,
    spawned,
    without,
    write,
    written_s,
)
from .histories import good, history_of, outcomes
from .plans import LOAD, OUTAGE, TOPOLOGY, plan_of


def healed(at_s: float) -> list[AnyEvent]:
    """The end of the plan's only fault."""
    return [FaultHealed(at_s=at_s, fault=OUTAGE)]


def waits(
    events: list[AnyEvent], at_s: float, *expect: Expectation, load: tuple[Load, ...] = ()
) -> str | None:
    """What the run waits for at `now_s`, with the events recorded by then."""
    known = [e for e in events if written_s(e) <= at_s and e.kind not in ("exited", "run_ended")]
    plan = replace(plan_of(*expect), load=load)
    return unsettled(plan, history_of(known), at_s, TOPOLOGY)


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
    bare = without(good(), of(Request, ReadBack))
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
    """The run stops waiting for a recovery once its bound has passed."""
    sick = [*without(good(), of(Request, ReadBack)), *samples(3.4, 6.0, UNHEALTHY)]
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
    assert unsettled(plan_of(Starts(), Recovers()), history_of(events), 1.1, TOPOLOGY) is None


def test_writes_are_waited_for_as_long_as_they_come() -> None:
    """One more is asked for; after 2 s without one it is given up."""
    e = KeepsAcknowledged(at_least=2)
    one = [spawned(0.4), complete(0.9, HEALTHY), *healed(0.5), write(1.0, "a")]
    assert waits(one, 2.0, e) == "1 more acknowledged writes"
    assert waits(one, 3.1, e) is None
    assert waits([*one, write(1.5, "b")], 2.0, e) is None
    assert waits([*one, write(1.5, "b", purpose="proof")], 2.0, e) is not None


def test_the_first_write_is_waited_for_from_the_end_of_start_up() -> None:
    """2 s after it was complete, or after the 3 s of the spawn that it may take."""
    e = KeepsAcknowledged()
    slow = [spawned(0.4), *healed(0.5)]
    assert waits(slow, 5.3, e) == "1 more acknowledged writes"
    assert waits(slow, 5.5, e) is None
    assert waits([*slow, complete(2.9, HEALTHY)], 4.8, e) is not None
    assert waits([*slow, complete(2.9, HEALTHY)], 5.0, e) is None


def test_a_load_that_begins_late_is_waited_for() -> None:
    """1 s after health turned healthy; where it never does, until the load gives up."""
    e = KeepsAcknowledged()
    start = AtMoment(moment="healthy", after_s=1.0, within_s=6.0)
    load = replace(LOAD, app="backend", request="write", start=start)
    events = [spawned(0.4), *healed(0.5), complete(0.9, HEALTHY)]
    assert waits(events, 8.3, e, load=(load,)) is not None
    assert waits(events, 8.5, e, load=(load,)) is None
    events.append(HealthTurned(at_s=1.0, app="backend", boot=1, state=HEALTHY))
    assert waits(events, 3.9, e, load=(load,)) is not None
    assert waits(events, 4.1, e, load=(load,)) is None


def test_availability_is_waited_for_from_start_up_on() -> None:
    """Until three answers have come after it, or the 3 s are up in which it should have come."""
    e = StaysAvailable()
    begun = [spawned(0.4), *healed(0.5), *samples(0.45, 4.0, UNHEALTHY)]
    assert waits([], 0.1, e) is not None
    assert waits(begun, 0.6, e) == "the start-up of backend"
    assert waits(begun, 3.4, e) == "the start-up of backend"
    assert waits(begun, 3.6, e) is None
    up = [spawned(0.4), *healed(0.5), complete(0.9, HEALTHY), *samples(1.0, 2.0, HEALTHY)]
    assert waits(up, 1.1, e) == "3 health answers of backend"
    assert waits(up, 1.2, e) is None


def test_the_first_request_is_waited_for() -> None:
    """After the heal; one sent before it is not it."""
    e = FirstRequestServed(fault=OUTAGE)
    events = [spawned(0.4), FaultHealed(at_s=2.0, fault=OUTAGE), write(1.9, "a")]
    assert waits(events, 3.0, e) == "the first request after the heal"
    assert waits([*events, write(2.5, "b")], 3.0, e) is None
    assert waits([*events, write(2.5, "b", app="auth")], 3.0, e) is not None
    assert waits(events, 9.1, e) is None
