"""A run continues while a supervisor is about to restart an app."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chaoslab.expectations import Starts
from chaoslab.history.events import AnyEvent, RestartDecided, Spawned
from chaoslab.model.plan import Boot, resolve
from chaoslab.model.supervisor import Supervisor
from chaoslab.verdicts.settled import unsettled

from .events import exited, spawned
from .histories import history_of
from .plans import TOPOLOGY, plan_of

SUPERVISED = replace(plan_of(Starts(rests_on=()), faults=()), boots=(Boot(restarts=2),))
PLAN = resolve(SUPERVISED, TOPOLOGY)


def again(at_s: float, boot: int) -> Spawned:
    return replace(spawned(at_s, boot=boot), restart=True)


def gone(at_s: float, boot: int) -> AnyEvent:
    return exited(at_s, code=3, asked=False, boot=boot)


def waits(events: Iterable[AnyEvent], at_s: float) -> str | None:
    return unsettled(PLAN, history_of(events), at_s, TOPOLOGY)


def test_an_end_with_restarts_left_is_waited_out() -> None:
    """No process runs until the restart, and the run continues."""
    ended = [spawned(0.4), gone(0.8, 1)]
    assert waits(ended, 0.9) == "the restart of backend"
    twice = [*ended, again(0.9, 2), gone(1.2, 2)]
    assert waits(twice, 1.3) == "the restart of backend"


def test_a_run_is_over_when_no_restart_is_left() -> None:
    """The third end is the last."""
    every = [spawned(0.4), gone(0.8, 1), again(0.9, 2), gone(1.2, 2), again(1.3, 3)]
    assert waits([*every, gone(1.6, 3)], 1.7) is None


def test_an_end_that_the_lab_asked_for_is_not_followed_by_a_start() -> None:
    """It was the lab's own."""
    assert waits([spawned(0.4), exited(0.8)], 0.9) is None


def test_restarts_are_no_boots_of_the_plan() -> None:
    """A plan of one boot never waits for a second, and of two its second is not a restart."""
    two = replace(PLAN, boots=(Boot(app="backend"), Boot(app="auth")))
    begun = [spawned(0.4), gone(0.8, 1), again(0.9, 2)]
    assert unsettled(two, history_of(begun), 1.0, TOPOLOGY) == "boot 2 of 2"


def test_a_run_does_not_wait_for_restarts_without_end() -> None:
    """It ends once the claims can be judged, although the supervisor would start the app again."""
    endless = (Boot(supervisor=Supervisor(backoff_s=3)),)
    plan = resolve(replace(SUPERVISED, boots=endless), TOPOLOGY)
    ended = [spawned(0.4), gone(0.8, 1)]
    assert unsettled(plan, history_of(ended), 0.9, TOPOLOGY) is None


def test_a_supervisor_that_decided_against_a_restart_is_not_waited_for() -> None:
    """The plan stopped the app while it waited."""
    no = RestartDecided(at_s=0.9, app="backend", boot=1, why="stopped", exit_code=3, wait_s=None)
    assert waits([spawned(0.4), gone(0.8, 1), no], 1.0) is None
