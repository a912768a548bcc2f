"""When a moment can no longer occur, and when it may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import Severed
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    RestartDecided,
    Spawned,
    StartupComplete,
    TriggerMissed,
)
from chaoslab.history.impossible import NO_PROCESS, why_impossible
from chaoslab.history.moments import in_words
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.steps import Step
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.when import (
    AtMoment,
    acknowledged,
    affected,
    degraded,
    done,
    exited,
    healed,
    in_force,
    lost,
    spawned,
    started,
)
from chaoslab.reason import Reason

ONE = Plan(boots=(Boot(app="app"),))
TWO = Plan(boots=(Boot(app="app"), Boot(app="app", at=exited())))
SUPERVISED = Plan(boots=(Boot(app="app", supervisor=Supervisor(at_most=1)),))
FAULTS = Plan(
    boots=(Boot(app="app"),),
    faults=(
        Severed(target="a.b", name="x", stop=started()),
        Severed(target="a.b", name="y", start=in_force("x")),
    ),
)
NO_SECOND = TriggerMissed(
    at_s=3.0, place="boots[1].at", moment=exited(), why=NO_PROCESS(apps=("app",))
)
OF_ANSWERS = [degraded(), lost("postgres"), acknowledged(3), started(), AtMoment(moment="ready")]


def spawn(boot: int = 1, *, restart: bool = False) -> Spawned:
    return Spawned(at_s=boot, app="app", boot=boot, pid=1, port=1, argv=(), env={}, restart=restart)


def exit_of(boot: int = 1) -> Exited:
    return Exited(at_s=boot + 0.5, app="app", boot=boot, exit_code=1, asked=False, log_tail=())


def complete(boot: int = 1) -> StartupComplete:
    return StartupComplete(at_s=boot + 0.1, app="app", boot=boot, state=HealthState.HEALTHY)


def gone(moment: AtMoment, plan: Plan, *events: AnyEvent) -> bool:
    return bool(why_impossible(moment, plan, events))


@pytest.mark.parametrize("moment", OF_ANSWERS, ids=lambda m: m.moment)
def test_what_an_app_does_may_come_while_a_process_lives_or_is_to_come(moment: AtMoment) -> None:
    """Before the spawn, while it runs, between two boots, and before a restart by a supervisor."""
    assert not gone(moment, ONE)
    assert not gone(moment, ONE, spawn())
    assert gone(moment, ONE, spawn(), exit_of())
    assert not gone(moment, TWO, spawn(), exit_of())
    assert not gone(moment, SUPERVISED, spawn(), exit_of())
    assert gone(moment, SUPERVISED, spawn(), exit_of(), spawn(2, restart=True), exit_of(2))


@pytest.mark.parametrize("moment", OF_ANSWERS, ids=lambda m: m.moment)
def test_a_boot_that_is_missed_is_not_to_come(moment: AtMoment) -> None:
    """The trigger of the boot did not occur, so the app does not exit a second time."""
    plan = Plan(boots=(Boot(app="app"), Boot(app="app", at=healed("x"))))
    assert not gone(moment, plan, spawn(), exit_of())
    assert gone(moment, plan, spawn(), exit_of(), NO_SECOND)


def test_a_boot_that_waits_for_what_only_it_could_bring_is_not_to_come() -> None:
    """So do two boots that wait for each other. A boot whose trigger occurred is still to come."""
    itself = Plan(boots=(Boot(app="app"), Boot(app="app", at=started())))
    assert gone(started(), itself, spawn(), exit_of())
    assert not gone(started(), itself, spawn())
    each = Plan(boots=(*itself.boots, Boot(app="app", at=degraded())))
    assert gone(degraded(), each, spawn(), exit_of())
    assert not gone(degraded(), TWO, spawn(), exit_of())


def test_a_boot_starts_up_once() -> None:
    """An app with one boot never completes a second start-up."""
    second = started(nth=2)
    assert gone(second, ONE, spawn(), complete())
    assert gone(second, ONE, spawn()), "there is one boot in all"
    assert not gone(second, TWO, spawn(), complete())
    assert not gone(second, SUPERVISED, spawn(), complete())
    assert gone(AtMoment(moment="spawned", nth=2), SUPERVISED, spawn()), "a restart is no spawn"
    assert not gone(spawned(), ONE)


def test_the_end_of_a_process_that_lives_may_come() -> None:
    """A second exit may not, where nothing starts the app again."""
    assert not gone(exited(), ONE, spawn(), complete())
    assert gone(exited(nth=2), ONE, spawn(), exit_of())
    assert not gone(exited(nth=2), SUPERVISED, spawn(), exit_of())


def test_another_running_app_does_not_count_for_an_app_that_has_ended() -> None:
    """A running app counts only where the moment is of any app."""
    both = Plan(boots=(Boot(app="app"), Boot(app="other")))
    events = (spawn(), exit_of())
    assert gone(AtMoment(moment="degraded", of="app"), both, *events)
    assert not gone(AtMoment(moment="degraded"), both, *events)


def test_a_fault_affects_no_app_once_it_was_missed_or_its_heal_has_begun() -> None:
    """An effect counts only while the fault is in force."""
    never = FaultMissed(at_s=2.0, fault="x", why=Reason(code="text", text="no canary"))
    seen: list[AnyEvent] = [
        FaultRequested(at_s=1.0, fault="x", links=("a.b",)),
        FaultInForce(at_s=1.1, fault="x", since_s=1.0, seen="canary"),
    ]
    assert not gone(affected("x"), FAULTS)
    assert not gone(affected("x"), FAULTS, *seen)
    assert gone(affected("x"), FAULTS, never)
    assert gone(affected("x"), FAULTS, *seen, FaultHealing(at_s=2.0, fault="x", why="time"))


def test_a_fault_that_was_missed_is_never_in_force() -> None:
    """It is never healed either, where it was not requested."""
    never = FaultMissed(at_s=1.0, fault="x", why=Reason(code="text", text="its start: too late"))
    assert not gone(in_force("x"), FAULTS)
    assert gone(in_force("x"), FAULTS, never)
    assert gone(healed("x"), FAULTS, never)
    assert not gone(healed("x"), FAULTS)


def test_a_fault_that_was_not_seen_is_healed_all_the_same() -> None:
    """Its heal may occur until the heal fails."""
    unseen = (
        FaultRequested(at_s=1.0, fault="x", links=()),
        FaultMissed(at_s=1.1, fault="x", why=Reason(code="text", text="no canary saw it")),
    )
    healing = FaultHealing(at_s=2.0, fault="x", why="")
    failed = FaultMissed(at_s=2.1, fault="x", why=Reason(code="text", text="could not be healed"))
    assert not gone(healed("x"), FAULTS, *unseen)
    assert gone(healed("x"), FAULTS, *unseen, healing, failed)
    seen = (FaultInForce(at_s=1.1, fault="x", since_s=1.0, seen=""), healing)
    assert not gone(healed("x"), FAULTS, *seen, FaultHealed(at_s=2.1, fault="x"))


def test_the_heal_of_a_fault_that_is_kept_to_the_end_never_comes() -> None:
    """It has no stop. The heal of any fault may still occur, by another fault."""
    assert gone(healed("y"), FAULTS)
    assert not gone(AtMoment(moment="healed"), FAULTS)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (started(0.5), "a completed start-up, and 0.5 s"),
        (lost("redis", "postgres"), "a health report of lost services: postgres, redis"),
        (degraded(nth=2), "a change to degraded, number 2"),
        (healed("x"), "a healed fault, of x"),
        (affected("x", 0.5), "an effect of a fault on an app, of x, and 0.5 s"),
        (acknowledged(25), "an acknowledged write, number 25"),
    ],
)
def test_a_moment_has_words(moment: AtMoment, words: str) -> None:
    """With these words a reader finds the moment in the plan."""
    assert in_words(moment) == words


def test_a_supervisor_without_a_limit_may_always_start_the_app_again() -> None:
    """So a moment of any number may still come, until the supervisor decides against a restart."""
    plan = Plan(boots=(Boot(app="app", supervisor=Supervisor()),))
    assert not gone(AtMoment(moment="startup_complete", nth=99), plan, spawn(), exit_of())
    never = RestartDecided(at_s=2.5, app="app", boot=1, why="exited", exit_code=0, wait_s=None)
    assert gone(AtMoment(moment="startup_complete"), plan, spawn(), exit_of(), never)


def test_a_step_that_did_not_begin_is_never_over() -> None:
    """As long as its moment may occur it may be."""
    plan = replace(ONE, steps=(Step(at=started(), name="flush"),))
    missed = TriggerMissed(at_s=3.0, place="steps[flush].at", moment=started(), why=NO_SECOND.why)
    for moment in (done("flush"), AtMoment(moment="done")):
        assert not gone(moment, plan)
        assert gone(moment, plan, missed)
