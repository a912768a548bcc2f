"""What a run still waits for after a fault was missed: only what is not yet UNKNOWN."""

from __future__ import annotations

from chaoslab import Severed
from chaoslab.expectations import (
    Degrades,
    Expectation,
    FirstRequestServed,
    KeepsAcknowledged,
    Recovers,
    Starts,
    StaysAvailable,
)
from chaoslab.history.events import AnyEvent, FaultMissed
from chaoslab.reason import Reason
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled
from chaoslab.verdicts.still_open import still_open

from .events import HEALTHY, complete, ready, spawned
from .histories import good, history_of, outcomes
from .plans import BOTH, OUTAGE, TOPOLOGY, plan_of

UP: list[AnyEvent] = [spawned(0.4), complete(2.0, HEALTHY), ready(2.05)]
FIRST, SECOND = Severed(name="first", target="vpc"), Severed(name="second", target="vpc")


def missed(fault: str = OUTAGE) -> FaultMissed:
    """The fault was never seen in force."""
    return FaultMissed(at_s=0.2, fault=fault, why=Reason(code="text", text="a canary was answered"))


def waits(events: list[AnyEvent], at_s: float, *expect: Expectation) -> str | None:
    """What a run with a disabled fault waits for."""
    plan, history = plan_of(*expect), history_of(events)
    return unsettled(still_open(plan, history), history, at_s, TOPOLOGY)


def test_with_no_fault_missed_everything_is_waited_for() -> None:
    """The plan is the whole plan."""
    plan = plan_of()
    assert still_open(plan, history_of(good())) is plan


def test_a_missed_fault_leaves_only_the_start_up_to_be_seen() -> None:
    """Not its heal, not what the app should have done about it."""
    begun: list[AnyEvent] = [missed(), spawned(0.4)]
    assert waits([missed()], 0.3) == "boot 1 of 1"
    assert waits(begun, 0.5) == "the start-up of backend"
    assert waits([*begun, *UP[1:]], 9.0) is None
    assert waits(begun, 9.0) is None, "a start-up that is late is waited for no longer than ever"


def test_what_does_not_rest_on_it_is_waited_for() -> None:
    """A claim about the same boot that needs no fault is judged by as much as ever."""
    events: list[AnyEvent] = [missed(), *UP]
    expect = (Starts(mode="degraded"), StaysAvailable(rests_on=()))
    assert waits(events, 2.1, *expect) == "3 health answers of backend"
    assert waits(events, 2.1, expect[0], StaysAvailable()) is None


def test_a_boot_that_nobody_spawned_is_not_waited_for() -> None:
    """Its moment may never come, now that the fault is not there."""
    again = Starts(mode="normal", boot=2, rests_on=())
    events: list[AnyEvent] = [missed(), *UP]
    assert waits(events, 9.0, Starts(mode="degraded"), again) is None
    both = [*events, spawned(5.0, boot=2)]
    assert waits(both, 5.1, Starts(mode="degraded"), again) == "the start-up of backend"


def test_another_fault_is_waited_for_only_where_a_claim_rests_on_it_alone() -> None:
    """One that is judged by both has nothing left to wait for."""
    faults = (FIRST, SECOND)
    history = history_of([missed("first"), *UP])
    both = plan_of(Starts(mode="degraded"), Recovers(), faults=faults)
    assert still_open(both, history).faults == (plan_of(faults=faults).faults[1],)
    alone = plan_of(Degrades(naming=BOTH, fault="second", rests_on=("second",)), faults=faults)
    left = still_open(alone, history)
    assert [fault.label for fault in left.faults] == ["second"]
    assert len(left.expect) == 1


def test_what_is_given_up_is_unknown_whatever_comes() -> None:
    """Every claim that `still_open` drops is UNKNOWN on the good run as well, with that miss."""
    plan = plan_of(Starts(mode="degraded"), Degrades(naming=BOTH), Recovers(), KeepsAcknowledged())
    history = history_of([*good(), missed()])
    assert len(still_open(plan, history).expect) == 1
    assert outcomes(judge(TOPOLOGY, plan, history)) == ["UNKNOWN"] * 4


def test_a_claim_rests_on_the_fault_that_it_names() -> None:
    """Whatever else it is said to rest on."""
    assert Degrades(naming=(), fault="first", rests_on=()).faults_rested_on() == {"first"}
    assert FirstRequestServed(fault="first", rests_on=("second",)).faults_rested_on() == {
        "first",
        "second",
    }
    assert Recovers(rests_on=()).faults_rested_on() == frozenset()
